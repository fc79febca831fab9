"""Two folders of label maps, read as class numbers whatever encodes these: 1 bit, a palette, or grey values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imtrans.errors import DataError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import header
from imtrans.kit.images.array import Palette
from imtrans.kit.images.decode import label_map

MAX_CLASSES = 256  # a plane for each, as large as the picture
MASK, BITS = {0, 255}, {0, 1}
WORDS = {"1": "1 bit", "P": "palette indices"}
Sides = Mapping[str, Mapping[str, Path]]


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How one folder holds its classes: the mode of its files, all their values, and the palette of the first."""

    mode: str
    values: frozenset[int]
    palette: Palette | None

    @property
    def words(self) -> str:
        """The encoding in words."""
        return WORDS.get(self.mode, "grey values") + (" 0 and 255, which are classes 0 and 1" if self.is_mask else "")

    @property
    def is_mask(self) -> bool:
        """Whether 255 stands for class 1: there is no value but 0 and 255."""
        return self.mode not in WORDS and 255 in self.values and self.values <= MASK

    @property
    def classes(self) -> frozenset[int]:
        """The class numbers that occur."""
        return frozenset(BITS) if self.is_mask else self.values


@dataclass(frozen=True, kw_only=True)
class LabelFolders:
    """The classes of predictions and targets: `spec` has as many as the highest number asks for.

    Pixels of class `void` have no plane.
    """

    encodings: Mapping[str, Encoding]
    spec: ImageSpec
    void: int | None = None

    @property
    def note(self) -> str:
        """How the pictures were read, for people."""
        sides = ", ".join(f"{side}: {encoding.words}" for side, encoding in self.encodings.items())
        void = "" if self.void is None else f", without {self.void}"
        return f"read as class numbers 0 to {(self.spec.classes or 1) - 1}{void} ({sides})"

    def read(self, side: str, path: Path) -> Tensor:
        """A label map as planes of 0 and 1, (1, K, H, W)."""
        ids = torch.from_numpy(label_map(path).ids[..., 0].astype(np.int64))
        if self.encodings[side].is_mask:
            ids = ids // 255
        planes = torch.arange(self.spec.num_channels).view(-1, 1, 1)
        return ((ids == planes) & (planes != (-1 if self.void is None else self.void))).float()[None]


def read_encodings(sides: Sides, *, void: int | None = None) -> LabelFolders:
    """How the folders "predictions" and "targets" hold their classes; every file is read.

    DataError where the numbers of the two need not mean the same.
    """
    encodings = {side: _encoding(sides[side].values(), void) for side in ("predictions", "targets")}
    one, other = encodings.values()
    for encoding, beside, side in ((one, other, "targets"), (other, one, "predictions")):
        count = len(encoding.palette or ()) if encoding.mode == "P" else 2
        is_limited = encoding.is_mask or (encoding.mode in WORDS and beside.mode != encoding.mode)
        if is_limited and max(beside.classes) >= count:
            raise DataError(
                f"the {side} have values up to {max(beside.classes)}, and {WORDS.get(encoding.mode, 'masks')} of the "
                f"others name {count} classes",
                hint="Save both as the same class numbers.",
            )
    if one.palette and other.palette:
        _check_palettes(one, other)
    count = max(one.classes | other.classes) + 1
    if count > MAX_CLASSES:
        raise DataError(f"class numbers up to {count - 1}; at most {MAX_CLASSES - 1} can be compared")
    palettes = (e.palette for e in (other, one) if e.palette and len(e.palette) >= count)
    palette = next((p[:count] for p in palettes), None)
    spec = ImageSpec(kind="labels", channels=1, classes=count, palette=palette)
    return LabelFolders(encodings=encodings, spec=spec, void=void)


def check_pictures(prediction: Path, target: Path, *, hint: str) -> None:
    """DataError where one is of 1 bit or indexed and the other holds its class numbers: as pictures both differ."""
    modes = [header(path).mode for path in (prediction, target)]
    if modes[0] == modes[1] or not WORDS.keys() & set(modes):
        return
    for (indexed, mode), (path, other_mode) in (
        ((prediction, modes[0]), (target, modes[1])),
        ((target, modes[1]), (prediction, modes[0])),
    ):
        if mode in WORDS and other_mode in ("1", "L", "P"):
            highest, indices = int(label_map(path).ids.max()), label_map(indexed)
            count = 2 if mode == "1" else _count(indices.palette or (), int(indices.ids.max()))
            if 0 < highest < count:
                raise DataError(
                    f"{path} has values 0 to {highest}, and {indexed} {WORDS[mode]}: as pictures they cannot be equal",
                    hint=hint,
                )


def _count(palette: Palette, highest: int) -> int:
    """The classes of a palette; of one that is padded to 256 colours those that occur."""
    return len(palette) if len(palette) < MAX_CLASSES else highest + 1


def _encoding(paths: Iterable[Path], void: int | None) -> Encoding:
    first: tuple[Path, str, Palette | None] | None = None
    values = set[int]()
    for path in paths:
        labels = label_map(path)
        values.update(np.unique(labels.ids).tolist())
        first = first or (path, labels.mode, labels.palette)
        if (labels.mode in WORDS or first[1] in WORDS) and labels.mode != first[1]:
            raise DataError(
                f"{path}: mode {labels.mode}; the first, {first[0]}, has {first[1]}",
                hint="Save all label maps of a folder in one way: their numbers need not mean the same.",
            )
    assert first, "a folder without pictures is refused before"
    return Encoding(mode=first[1], values=frozenset(values - {void}) or frozenset({0}), palette=first[2])


def _check_palettes(one: Encoding, other: Encoding) -> None:
    for index in one.values & other.values:
        colours = [(e.palette or ())[index : index + 1] for e in (one, other)]
        if colours[0] != colours[1]:
            raise DataError(
                f"palette index {index} is {colours[0]} in the predictions and {colours[1]} in the targets",
                hint="Save both with one palette: indices of two need not mean the same class.",
            )
