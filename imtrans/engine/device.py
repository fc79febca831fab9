"""Which device a run uses, and how the process is set up for it."""

import ctypes
import os
import sys

import torch

from imtrans.errors import ConfigError
from imtrans.plugins.recipe import TrainOptions


def choose(name: str) -> torch.device:
    """The device called `name` ("auto": the first accelerator, else the CPU). ConfigError lists those there are."""
    there = available()
    if name in ("auto", "cuda") and len(there) > 1 and "LOCAL_RANK" in os.environ and there[-1] != "mps":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        return torch.device("cuda", torch.cuda.current_device())
    if name == "auto":
        return torch.device(there[-1] if there[-1] == "mps" else "cuda:0" if len(there) > 1 else "cpu")
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in there:
        raise ConfigError(
            f"--device {name}: no such device here; there are {', '.join(there)}", hint="Use --device auto."
        )
    return torch.device(wanted)


def prepare(options: TrainOptions) -> None:
    """Set torch up as a run asks: the same bits each time, or as fast as it goes."""
    torch.use_deterministic_algorithms(options.deterministic)
    if options.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs for it; read at its start
    torch.backends.cudnn.benchmark = not options.deterministic


def available() -> list[str]:
    """The names of the devices of this machine; the CPU comes first."""
    cuda = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def tune_malloc() -> None:
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
