"""The exceptions of imtrans, one class per exit code; independent of the command line."""

import difflib
from collections.abc import Iterable
from typing import Any


class ImtransError(Exception):
    """An error that a person can fix: `what` names the thing and the fault, `hint` says what to do about it.

    `exit_code` is the exit code of the command line. The message is `what`, a line break, and `hint`.
    """

    exit_code = 1

    def __init__(self, what: str, *, hint: str = "") -> None:
        self.what = printable(what)
        self.hint = printable(hint)
        super().__init__(f"{self.what}\n{self.hint}" if hint else self.what)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle all attributes: errors of the processes that load data arrive complete in the main process."""
        return _rebuilt, (type(self), self.args, self.__dict__)


class ConfigError(ImtransError):
    """A command, option, name or value that is not allowed (exit code 2)."""

    exit_code = 2


class DataError(ImtransError):
    """A data set, picture or archive that is missing or broken (exit code 3)."""

    exit_code = 3


class ShapeError(DataError):
    """Arrays whose shapes do not match each other, or the network (exit code 3)."""


class CheckpointError(ImtransError):
    """A run, checkpoint or model file that is missing or broken (exit code 4)."""

    exit_code = 4


class ResourceError(ImtransError):
    """Disk space, memory, a device or a permission is missing (exit code 5)."""

    exit_code = 5


class PeerLostError(ResourceError):
    """Another process of the same training has ended; its own error says why (exit code 5)."""


class DownloadError(ImtransError):
    """The network failed; trying again may help (exit code 6)."""

    exit_code = 6


class DivergedError(ImtransError):
    """Losses or weights became NaN or infinite (exit code 7)."""

    exit_code = 7


class PluginError(ImtransError):
    """A plugin that is needed cannot be used (exit code 8)."""

    exit_code = 8


class NotInstalledError(PluginError):
    """A package or file of weights that a component needs is not installed (exit code 8)."""


class Interrupted(ImtransError):
    """A signal ended the work after the progress was saved (exit code 128 + signal)."""

    def __init__(self, what: str, *, signal: int, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.exit_code = 128 + signal


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived where nothing had to be saved first (exit code 143)."""


class ImtransWarning(UserWarning):
    """Something that a user should know and that stops nothing; the command line shows it as one line."""


def _rebuilt(kind: type[ImtransError], args: tuple[Any, ...], state: dict[str, Any]) -> ImtransError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


def printable(text: str) -> str:
    """The text with control characters and lone surrogates escaped: file names must not control the terminal."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str:
    """A question ("; did you mean ...?") with the known name that is closest to `name`, or the empty string."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {match[0]!r}?" if match else ""


def join_names(names: Iterable[str], *, most: int = 12) -> str:
    """The first `most` names in alphabetical order, separated by commas, with a count of the rest."""
    ordered = sorted(names)
    rest = f", and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + rest
