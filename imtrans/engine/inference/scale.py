"""To which size a picture is brought before it is translated: that of training, its own, or a chosen one."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from imtrans.errors import ConfigError
from imtrans.interfaces import StoredSizes

Size = tuple[int, int]
# "train": the scale of training; "native": as it is; a number: that of the shorter side; or height and width.
SizeChoice = Literal["train", "native"] | int | Size
TOLERANCE = 1.25  # how many times larger or smaller than in training things may be without a warning


class SizeChange(NamedTuple):
    """Height and width of a picture, those at which it is translated, and how much larger than in training it is.

    `is_half`: only the source half of its file is translated.
    """

    before: Size
    after: Size
    magnification: float
    is_half: bool = False

    def __str__(self) -> str:
        (height, width), (new_height, new_width) = self.before, self.after
        return f"{width} x {height} became {new_width} x {new_height}"


def size_of(text: str) -> SizeChoice:
    """The choice that a text means. ConfigError for any other text."""
    if text in ("train", "native"):
        return "train" if text == "train" else "native"
    try:
        numbers = [int(number) for number in text.strip("[]").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers) < 1:
        hint = "Give train, native, the length of the shorter side (256), or height and width (256,512)."
        raise ConfigError(f"size {text!r}: is no size of a picture", hint=hint)
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def fitted_size(shape: Size, choice: SizeChoice, *, trained: Sequence[int], stored: StoredSizes | None) -> Size:
    """Height and width to which a picture of this shape is brought.

    `trained` is the size of training and `stored` what the sources measured before they were brought to it. A picture
    as large as these is brought to the size of training, as validation does it, and one of another size by the same
    factor. One that is no larger than the size of training has been made smaller before, and stays as it is.
    """
    if isinstance(choice, tuple):
        return choice
    if isinstance(choice, int):
        factor = choice / min(shape)
        return _scaled(shape, (factor, factor))
    if choice == "native" or stored is None or not trained:
        return shape
    size = (trained[0], trained[-1])
    if all(low <= n <= high for low, n, high in zip(stored.low, shape, stored.high, strict=True)):
        return size
    if all(n <= most for n, most in zip(shape, size, strict=True)):
        return shape
    return _scaled(shape, (size[0] / stored.median[0], size[1] / stored.median[1]))


def magnification(shape: Size, size: Size, *, trained: Sequence[int], stored: StoredSizes | None) -> float:
    """How many times larger than in training things are in a picture of this shape that is brought to `size`.

    1 where it is not known; below 1 they are smaller. Of the two axes the one that differs most counts.
    """
    if stored is None or not trained:
        return 1.0
    wanted = (trained[0] / stored.median[0], trained[-1] / stored.median[1])
    ratios = [size[axis] / shape[axis] / wanted[axis] for axis in (0, 1)]
    return max(ratios, key=lambda ratio: max(ratio, 1 / ratio))


def _scaled(shape: Size, factors: tuple[float, float]) -> Size:
    return max(1, round(shape[0] * factors[0])), max(1, round(shape[1] * factors[1]))
