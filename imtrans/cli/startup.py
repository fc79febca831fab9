"""What makes the start of a program faster; only programs may do it."""

import contextlib
import gc
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

# These builds of torch look for the libraries of their devices first, in an order of their own.
_DEVICE_LIBRARIES = ("libtorch_cuda.so", "libtorch_hip.so", "libtorch_xpu.so")


def preload_torch() -> None:
    """Begin to link torch's library, beside what a command does before it imports torch.

    That is 400 MB of machine code and takes 0.15 s, through which Python's import would hold the interpreter. On Linux,
    for a torch of the CPU alone.
    """
    library = _library() if sys.platform.startswith("linux") and "torch" not in sys.modules else None
    if library:
        # What discovery loads: the linker does one library at a time, and these would wait for the large one.
        import ctypes  # noqa: F401
        import decimal  # noqa: F401
        import hashlib  # noqa: F401
        import statistics  # noqa: F401

        threading.Thread(target=_link, args=(library,), name="preload-torch").start()


def _library() -> Path | None:
    """The library of a torch for the CPU alone, found without importing torch."""
    spec = importlib.util.find_spec("torch")
    for place in (spec.submodule_search_locations if spec else None) or ():
        names = {path.name for path in Path(place, "lib").glob("libtorch_*.so")}
        if "libtorch_cpu.so" in names and not names.intersection(_DEVICE_LIBRARIES):
            return Path(place, "lib", "libtorch_cpu.so")
    return None


def _link(library: Path) -> None:
    import ctypes

    # In the order and with the flags of torch/__init__.py. Not by ctypes.CDLL, in which Python 3.11 holds the
    # interpreter. What cannot be opened is left to torch's import, which says why.
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.restype, dlopen.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    dlopen(bytes(library.with_name("libtorch_global_deps.so")), os.RTLD_NOW | os.RTLD_GLOBAL)
    dlopen(bytes(library), os.RTLD_NOW)


@contextlib.contextmanager
def heavy_imports() -> Iterator[None]:
    """Import torch and the engine without the garbage collector, and leave what they made out of its later rounds.

    They make half a million objects that stay: looking at them again and again takes 0.2 s of the start.
    """
    is_on, count = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
        if len(sys.modules) > count:  # not again and again in a program that calls commands: garbage would stay, too
            gc.freeze()
    finally:
        if is_on:
            gc.enable()
