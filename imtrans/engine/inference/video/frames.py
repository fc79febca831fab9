"""What films and cameras give: frames with their times."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

from imtrans.errors import NotInstalledError
from imtrans.kit.images import Array


class Frame(NamedTuple):
    """A picture, uint8 (H, W, 3), and when and for how long it is shown, in units of its source's `time_base`.

    A duration of 0 is not known.
    """

    picture: Array
    time: int
    duration: int


class FrameSource(Protocol):
    """A film or a camera.

    `time_base` is the unit of its times in seconds, `rate` the frames a second if that is known, `pixel_aspect` the
    width of a pixel over its height, `count` how many frames it has (None: until it is stopped), `is_even` whether
    these are equally far apart, and `notes` what the user should know of it.
    """

    name: str
    time_base: Fraction
    rate: Fraction | None
    pixel_aspect: Fraction
    count: int | None
    is_even: bool
    notes: Sequence[str]

    def frames(self) -> Iterator[Frame]:
        """All frames, from the first one on. DataError, naming the frame, where they cannot be read."""
        ...


def check_installed() -> None:
    """NotInstalledError where the package that reads and writes films is missing."""
    try:
        import av  # noqa: F401 - only whether it is there
    except ImportError:
        hint = 'python -m pip install "imtrans[video]"'
        raise NotInstalledError("films and cameras need PyAV, which is not installed", hint=hint) from None
