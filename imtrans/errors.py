"""What goes wrong, one class per exit code. Nothing here knows of the command line."""

import difflib
from collections.abc import Iterable
from typing import Any


class ImtransError(Exception):
    """A fault that a person can mend: `what` names the thing and the fault, `hint` what to do about it.

    `exit_code` is what the command line ends with. The text is what, a line break, mend.
    """

    exit_code = 1

    def __init__(self, what: str, *, hint: str = "") -> None:
        self.what = printable(what)
        self.hint = printable(hint)
        super().__init__(f"{self.what}\n{self.hint}" if hint else self.what)

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors come back whole from the processes that load data."""
        return _rebuilt, (type(self), self.args, self.__dict__)


class ConfigError(ImtransError):
    """A command, option, name or value that cannot be (exit code 2)."""

    exit_code = 2


class DataError(ImtransError):
    """A data set, picture or archive that is missing or broken (exit code 3)."""

    exit_code = 3


class ShapeError(DataError):
    """Arrays whose shapes do not fit each other or the network (exit code 3)."""


class CheckpointError(ImtransError):
    """A run, checkpoint or model file that is missing or broken (exit code 4)."""

    exit_code = 4


class ResourceError(ImtransError):
    """Disk, memory, device or permission is lacking (exit code 5)."""

    exit_code = 5


class PeerLostError(ResourceError):
    """Another of the processes that train together has gone: that one knows why (exit code 5)."""


class DownloadError(ImtransError):
    """The network failed; trying again may help (exit code 6)."""

    exit_code = 6


class DivergedError(ImtransError):
    """Training left the finite numbers (exit code 7)."""

    exit_code = 7


class PluginError(ImtransError):
    """A plugin that was asked for cannot be used (exit code 8)."""

    exit_code = 8


class NotInstalledError(PluginError):
    """A package or file of weights that a component needs is not here (exit code 8)."""


class Interrupted(ImtransError):
    """A signal ended the work after what was done had been saved (exit code 128 + signal)."""

    def __init__(self, what: str, *, signal: int, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.exit_code = 128 + signal


class Terminated(KeyboardInterrupt):
    """SIGTERM came where nothing had to be saved first (exit code 143)."""


def _rebuilt(kind: type[ImtransError], args: tuple[Any, ...], state: dict[str, Any]) -> ImtransError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


def printable(text: str) -> str:
    """The text with control characters and lone surrogates escaped: file names must not drive the terminal."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """A question that names the known name most like the given one, or the empty string."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""


def join_names(names: Iterable[str], *, most: int = 12) -> str:
    """The names in order, separated by commas, with a count of what did not fit."""
    ordered = sorted(names)
    rest = f", and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + rest
