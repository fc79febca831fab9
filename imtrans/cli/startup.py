"""What makes the start of a program faster; only programs may do it."""

import contextlib
import gc
import sys
from collections.abc import Iterator


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
