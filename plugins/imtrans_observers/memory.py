"""How much memory this process uses."""

import os
import sys
from pathlib import Path
from typing import Any


def in_words() -> str:
    """For example "812 MB", plus the GPU's where one is used; empty where the system does not report it."""
    host, gpu = resident(), _on_gpu()
    parts = [_size(host)] if host else []
    return " + ".join([*parts, f"GPU {_size(gpu)}"] if gpu else parts)


def resident() -> int:
    """Bytes of this process in memory now; where that is unknown, the peak so far; 0 on Windows."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return _peak()


def _peak() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB


def _on_gpu() -> int:
    torch: Any = sys.modules.get("torch")  # nothing is on a GPU while torch is not imported
    return int(torch.cuda.memory_reserved()) if torch and torch.cuda.is_initialized() else 0


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
