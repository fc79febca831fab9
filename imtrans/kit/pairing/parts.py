"""Parts of a picture file that are pictures of their own: panels side by side, one above the other, and pages."""

import re
from pathlib import Path
from typing import Literal, NamedTuple

from imtrans.errors import ShapeError
from imtrans.kit.images.array import WHITE, Array, Color
from imtrans.kit.images.decode import decode

WRITTEN = re.compile(r"^(.+)#(column|row|page)=(\d+)(?:/(\d+))?$", re.DOTALL)


class Part(NamedTuple):
    """One of `total` columns or rows of equal size, or a page (`total` is then 0); the first is number 1."""

    kind: Literal["column", "row", "page"]
    number: int
    total: int = 0

    def __str__(self) -> str:
        return f"#{self.kind}={self.number}{f'/{self.total}' if self.total else ''}"

    @property
    def page(self) -> int | None:
        """The page of the file that is chosen; the first is 0."""
        return self.number - 1 if self.kind == "page" else None

    def cut(self, whole: Array, *, name: str = "") -> Array:
        """The part of a picture (H, W, C). ShapeError, beginning with `name`, where its size cannot be divided so."""
        if self.kind == "page":
            return whole
        axis = 1 if self.kind == "column" else 0
        length, remainder = divmod(whole.shape[axis], self.total)
        if remainder or not length:
            raise self._indivisible(whole.shape[axis], name)
        start = (self.number - 1) * length
        return whole[:, start : start + length] if axis else whole[start : start + length]

    def _indivisible(self, pixels: int, name: str) -> ShapeError:
        is_column = self.kind == "column"
        if is_column and self.total == 2:
            what, hint = "wide: two halves side by side need an even width", "Crop one column, or remove the picture."
        else:
            where = "side by side" if is_column else "one above the other"
            what = f"{'wide' if is_column else 'high'}: {self.total} panels {where} need a multiple of {self.total}"
            hint = "Crop the picture, or remove it."
        return ShapeError(f"{name}: {pixels} pixels {what}", hint=hint)


Parts = tuple[Part, Part]
LEFT_RIGHT: Parts = (Part("column", 1, 2), Part("column", 2, 2))
TOP_BOTTOM: Parts = (Part("row", 1, 2), Part("row", 2, 2))
PAGES: Parts = (Part("page", 1), Part("page", 2))


def split_part(text: str) -> tuple[str, Part | None]:
    """A file name and the part that is written behind it: "x.png#column=1/3", "x.tif#page=2"; without one None."""
    match = WRITTEN.match(text)
    if not match:
        return text, None
    name, kind, number, total = match[1], match[2], int(match[3]), int(match[4] or 0)
    is_right = number >= 1 and (total == 0 if kind == "page" else number <= total)
    return (name, Part(kind, number, total)) if is_right else (text, None)  # type: ignore[arg-type]


def decode_part(path: Path, part: Part | None, *, background: Color | None = WHITE) -> Array:
    """A part of the picture in a file, or all of it, as `decode` gives it; pixels that no part can have are cropped."""
    return cut_part(decode(path, background=background, page=part.page if part else None), part, name=str(path))


def cut_part(whole: Array, part: Part | None, *, name: str) -> Array:
    """A part of a decoded picture or page, or all of it; pixels that no part can have are cropped."""
    if not part:
        return whole
    total = max(1, part.total)
    height, width = (max(total, n // total * total) for n in whole.shape[:2])
    return part.cut(whole[:height, :width], name=name)
