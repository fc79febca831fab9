"""One side of a pair, read from its file: a picture, values, or a label map."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import LabelMap, decode, label_map, with_channels

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """A side of pictures: all get the channels and the depth of the first, values keep to the range."""

    spec: ImageSpec
    is_ranged: bool
    option: str

    @classmethod
    def like(cls, file: Path, *, range_: tuple[float, ...], option: str) -> "Pictures":
        """As the first file is. ConfigError names the option for a range that is none."""
        first = decode(file)
        spec = _spec(first)
        if not range_:
            return cls(spec=spec, is_ranged=spec.bits == 32, option=option)
        if len(range_) != 2 or range_[0] >= range_[1]:
            raise ConfigError(f"{option}: {list(range_)}: must have a low and a high value, as in [0, 4095]")
        return cls(spec=replace(spec, low=range_[0], high=range_[1]), is_ranged=True, option=option)

    def read(self, file: Path) -> Array:
        """The file as (H, W, C), checked against the first file of the side."""
        picture = with_channels(_with_depth(decode(file), self.spec, file), self.spec.channels, name=str(file))
        if self.is_ranged:
            self._check_range(picture, file)
        return picture

    def is_like(self, other: "Side") -> bool:
        """Whether the other side would read the same from one file."""
        return isinstance(other, Pictures) and (self.spec, self.is_ranged) == (other.spec, other.is_ranged)

    def _check_range(self, picture: Array, file: Path) -> None:
        low, high = float(picture.min()), float(picture.max())
        if low < self.spec.low or high > self.spec.high:
            raise DataError(
                f"{file}: values from {low:g} to {high:g}; allowed are {self.spec.low:g} to {self.spec.high:g}",
                hint=f"Say what the values may be: --set {self.option}=[LOW,HIGH]",
            )


@dataclass(frozen=True, kw_only=True)
class Labels:
    """A side of label maps: all are of the first one's kind, palette or grey, and keep to the classes."""

    spec: ImageSpec
    first: Path
    is_indexed: bool

    @classmethod
    def like(cls, file: Path, *, classes: int | None) -> "Labels":
        """As the first file is. ConfigError, with the highest value of the first file, where `classes` is missing."""
        labels = label_map(file)
        if classes is None:
            highest = int(labels.ids.max())
            raise ConfigError(
                f"dataset.classes is not set; the first label map, {file}, holds values up to {highest}",
                hint=f"If no other holds more: --set dataset.classes={max(highest + 1, 2)}",
            )
        colours = labels.palette[:classes] if labels.palette and len(labels.palette) >= classes else None
        spec = ImageSpec(
            kind="labels", channels=1, classes=classes, palette=colours, bits=8 * labels.ids.dtype.itemsize
        )
        return cls(spec=spec, first=file, is_indexed=labels.mode == "P")

    def read(self, file: Path) -> Array:
        """The file as (H, W, C), checked against the first file of the side."""
        labels = label_map(file)
        if (labels.mode == "P") != self.is_indexed:
            raise DataError(
                f"{file}: {_kind(labels.mode == 'P')} (mode {labels.mode}); the first, {self.first}, is "
                f"{_kind(self.is_indexed)}",
                hint="Save all label maps in one way: their numbers need not mean the same.",
            )
        return self._checked(labels, file)

    def is_like(self, other: "Side") -> bool:
        """Whether the other side would read the same from one file."""
        return isinstance(other, Labels)

    def _checked(self, labels: LabelMap, file: Path) -> Array:
        highest, classes = int(labels.ids.max()), self.spec.classes or 0
        if highest >= classes:
            raise DataError(
                f"{file}: value {highest}; allowed are 0 to {classes - 1}",
                hint=f"Fix the file, or raise dataset.classes (now {classes}).",
            )
        return labels.ids


Side = Pictures | Labels


def _spec(picture: Array) -> ImageSpec:
    if picture.dtype == np.float32:
        return ImageSpec(kind="data", channels=picture.shape[-1], low=0, high=1, bits=32)
    bits = 8 * picture.dtype.itemsize
    is_image = picture.shape[-1] in (1, 3)
    return ImageSpec(kind="image" if is_image else "data", channels=picture.shape[-1], high=2**bits - 1, bits=bits)


def _with_depth(picture: Array, spec: ImageSpec, file: Path) -> Array:
    """8 bits converted to 16 or the reverse, range to range. DataError for float among whole numbers."""
    bits = 8 * picture.dtype.itemsize
    if bits == spec.bits:
        return picture
    if 32 in (bits, spec.bits) or spec.high != 2**spec.bits - 1:
        raise DataError(
            f"{file}: {picture.dtype} values, where the first picture has {spec.bits} bits",
            hint="Save all pictures of a side in one depth.",
        )
    if bits == 8:
        return picture.astype(np.uint16) * np.uint16(257)
    whole: Array = np.rint(picture / 257).astype(np.uint8)
    return whole


def _kind(is_indexed: bool) -> str:
    return "a palette picture" if is_indexed else "a grey picture of class numbers"
