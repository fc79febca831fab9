"""What a plugin may not do to the process while it is imported: found, undone, and told with its name."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

SLOW = 3.0  # seconds after which a plugin that is still being imported is named


@contextlib.contextmanager
def guarded(name: str) -> Iterator[list[str]]:
    """A block that imports code of `name`; what is yielded tells afterwards which settings of the process it changed.

    They are set back: the working directory, torch's gradients and its default type. `os._exit` raises SystemExit, an
    import that takes long is named on stderr, and so is one that Ctrl-C ends.
    """
    folder, leave = os.getcwd(), os._exit
    before, changes = _torch_state(), list[str]()
    timer = threading.Timer(SLOW, print, [f"Still loading plugin {name} ..."], {"file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    os._exit = _exit  # type: ignore[assignment]
    try:
        yield changes
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Interrupted while plugin {name} was loading.") from None
    finally:
        os._exit = leave
        timer.cancel()
        if os.getcwd() != folder:
            os.chdir(folder)
            changes.append("the working directory")
        changes.extend(_restore_torch(before))


def _exit(code: int = 0) -> None:
    raise SystemExit(code)


def _torch_state() -> tuple[bool, Any]:
    """Whether gradients are on, and the default type; torch itself is not imported for it."""
    torch = sys.modules.get("torch")
    return (torch.is_grad_enabled(), torch.get_default_dtype()) if torch else (True, None)


def _restore_torch(before: tuple[bool, Any]) -> Iterator[str]:
    torch, (has_gradients, dtype) = sys.modules.get("torch"), before
    if torch is None:
        return
    if torch.is_grad_enabled() != has_gradients:
        torch.set_grad_enabled(has_gradients)
        yield "whether torch takes gradients"
    dtype = dtype or torch.float32
    if torch.get_default_dtype() != dtype:
        torch.set_default_dtype(dtype)
        yield "torch's default type"
