"""How much memory this process has taken."""

import os
import sys
from pathlib import Path
from typing import Any


def in_words() -> str:
    """For example "812 MB", with the GPU's beside it where one is used; empty where the system does not tell."""
    own, gpu = resident(), _on_gpu()
    told = [_size(own)] if own else []
    return " + ".join([*told, f"GPU {_size(gpu)}"] if gpu else told)


def resident() -> int:
    """Bytes of this process that lie in memory now; where that is unknown, the most so far; 0 on Windows."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return _most()


def _most() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _on_gpu() -> int:
    torch: Any = sys.modules.get("torch")  # nothing lies on a GPU where nobody has imported it
    return int(torch.cuda.memory_reserved()) if torch and torch.cuda.is_initialized() else 0


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
