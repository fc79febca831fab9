"""What a plugin may not do to the process while it is imported: found, undone, and told with its name."""

import contextlib
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

SLOW = 3.0  # seconds after which a plugin that is still being imported is named
_UNKNOWN = object()
_PIXELS = 89478485  # Pillow's own limit


class _Setting(NamedTuple):
    """One setting of the process: what it is called, how it is read and set.

    `fresh` is its value before its module is imported, _UNKNOWN where that is another one each time.
    """

    name: str
    module: str
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], Any]
    fresh: Any


def _handlers(_module: Any) -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}


def _set_handlers(_module: Any, handlers: dict[int, Any]) -> None:
    # Python sets handlers in the main thread only, and knows None as one that was not set from Python.
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            if handler is not None:
                signal.signal(number, handler)


_SETTINGS = (
    _Setting("the working directory", "os", lambda _: os.getcwd(), lambda _, path: os.chdir(path), None),
    _Setting("handlers of signals", "signal", _handlers, _set_handlers, None),
    _Setting(
        "the seed of random", "random", lambda _: random.getstate(), lambda _, state: random.setstate(state), None
    ),
    _Setting(
        "whether torch takes gradients",
        "torch",
        lambda torch: torch.is_grad_enabled(),
        lambda torch, value: torch.set_grad_enabled(value),
        True,
    ),
    _Setting(
        "torch's default type",
        "torch",
        lambda torch: str(torch.get_default_dtype()).removeprefix("torch."),
        lambda torch, name: torch.set_default_dtype(getattr(torch, name)),
        "float32",
    ),
    _Setting(
        "torch's seed",
        "torch",
        lambda torch: torch.initial_seed(),
        lambda torch, seed: torch.manual_seed(seed),
        _UNKNOWN,
    ),
    _Setting(
        "Pillow's limit of pixels",
        "PIL.Image",
        lambda image: image.MAX_IMAGE_PIXELS,
        lambda image, limit: setattr(image, "MAX_IMAGE_PIXELS", limit),
        _PIXELS,
    ),
)


@contextlib.contextmanager
def guarded(name: str) -> Iterator[list[str]]:
    """A block that imports code of `name`; what is yielded tells afterwards which settings of the process it changed.

    They are set back: the working directory, handlers of signals, seeds, torch's gradients and default type, Pillow's
    limit. `os._exit` raises SystemExit, an import that takes long is named on stderr, and so is one that Ctrl-C ends.
    """
    leave, changes = os._exit, list[str]()
    before = {s: s.read(sys.modules[s.module]) if s.module in sys.modules else s.fresh for s in _SETTINGS}
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
        changes.extend(_restored(before))


def _exit(code: int = 0) -> None:
    raise SystemExit(code)


def _restored(before: dict[_Setting, Any]) -> Iterator[str]:
    """The names of the settings that are not what they were; each is set back."""
    for setting, value in before.items():
        module = sys.modules.get(setting.module)
        if module is not None and value is not _UNKNOWN and setting.read(module) != value:
            setting.write(module, value)
            yield setting.name
