"""Which device a run uses, and how the process is set up for it."""

import ctypes
import sys

import torch

from imtrans.errors import ConfigError


def choose(name: str) -> torch.device:
    """The device called `name` ("auto": the first accelerator, else the CPU). ConfigError lists those there are."""
    there = available()
    if name == "auto":
        return torch.device(there[-1] if there[-1] == "mps" else "cuda:0" if len(there) > 1 else "cpu")
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in there:
        raise ConfigError(
            f"--device {name}: no such device here; there are {', '.join(there)}", mend="Use --device auto."
        )
    return torch.device(wanted)


def available() -> list[str]:
    """The names of the devices of this machine; the CPU comes first."""
    cuda = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def keep_big_blocks() -> None:
    """Tell glibc to keep freed memory: fresh pages at each step cost a tenth of the time on the CPU.

    Only programs call this, at their start; a library must not change the allocator of its host.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        for parameter, value in ((-4, 0), (-1, 2**31 - 1), (-2, 64 << 20)):  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
            libc.mallopt(parameter, value)
    except (OSError, AttributeError):
        return  # another C library: nothing to tune
