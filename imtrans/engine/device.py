"""The device that a run uses, and how the process is set up for it."""

import ctypes
import os
import sys
from pathlib import Path

import torch

from imtrans.errors import ConfigError
from imtrans.plugins.recipe import TrainOptions

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory", "std::bad_alloc")


def choose(name: str) -> torch.device:
    """The device called `name` ("auto": the first accelerator, else the CPU). ConfigError lists the available ones."""
    devices = available()
    # torchrun starts a process for each GPU and numbers them on this machine by LOCAL_RANK.
    if name in ("auto", "cuda") and len(devices) > 1 and "LOCAL_RANK" in os.environ and devices[-1] != "mps":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        return torch.device("cuda", torch.cuda.current_device())
    if name == "auto":
        return torch.device(devices[-1] if devices[-1] == "mps" else "cuda:0" if len(devices) > 1 else "cpu")
    full_name = "cuda:0" if name == "cuda" else name
    if full_name not in devices:
        raise ConfigError(
            f"--device {name}: no such device here; there are {', '.join(devices)}", hint="Use --device auto."
        )
    return torch.device(full_name)


def prepare(options: TrainOptions) -> None:
    """Set torch up as a run asks: deterministic algorithms, or the fastest ones."""
    if torch.are_deterministic_algorithms_enabled() != options.deterministic:  # setting it imports torch's compiler
        torch.use_deterministic_algorithms(options.deterministic)
    if options.deterministic:
        # cuBLAS is deterministic only with a fixed workspace, and reads this when it is first used.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = not options.deterministic


def available() -> list[str]:
    """The names of the devices of this machine; the CPU comes first."""
    cuda = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


_kept: list[bool] = []  # the allocator belongs to the process


def is_memory_kept() -> bool:
    """Whether `tune_malloc` has set up the allocator of this process."""
    return bool(_kept)


def tune_malloc() -> None:
    """Make glibc keep freed memory: fresh pages at each step cost a tenth of the time on the CPU.

    Only programs call this, at their start; a library must not change the allocator of the program that uses it.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        for parameter, value in ((-4, 0), (-1, 2**31 - 1), (-2, 64 << 20)):  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
            libc.mallopt(parameter, value)
    except (OSError, AttributeError):
        return  # another C library: nothing to tune
    _kept[:] = [True]


def free_memory(device: torch.device) -> int:
    """The bytes of memory that a process can still take on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
        return min(free, _container_limit() or free)
    except (OSError, StopIteration, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _container_limit() -> int:
    """What the container of this process may still take, in bytes; 0: it has no limit."""
    try:
        group = Path("/sys/fs/cgroup")
        return int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return 0


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that memory was short, on a GPU or here."""
    is_kind = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return is_kind or (isinstance(error, RuntimeError) and any(s in str(error).lower() for s in _SIGNS))
