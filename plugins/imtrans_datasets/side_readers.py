"""One side of a pair, read from its file: a picture, values, or a label map."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import label_map
from imtrans.kit.images.conform import conform, decode_with_bits
from imtrans.kit.images.instances import instance_file, with_instances
from imtrans.kit.images.labels import highest_class, read_classes
from imtrans.kit.images.survey import FileKind, Survey
from imtrans.kit.pairing.parts import Part

Array = np.ndarray[Any, Any]
MASK = (0, 255)  # stored values of a mask: two classes
LOOKED_AT = 64  # label maps that are decoded to find out what their numbers are


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """A side of pictures: all are read as `spec` says. `option` sets the range."""

    spec: ImageSpec
    option: str

    def read(self, file: Path, part: Part | None = None) -> Array:
        """The page of a part, or the first, as (H, W, C). DataError names a file that cannot be read so."""
        page, pages = part.page if part else None, self.spec.pages
        picture, bits = decode_with_bits(file, background=self.spec.background, page=page, pages=pages)
        return conform(picture, self.spec, bits=bits, name=str(file), option=f"--set {self.option}=[LOW,HIGH]")

    def is_like(self, other: "Side") -> bool:
        """Whether the other side would read the same from one file."""
        return isinstance(other, Pictures) and self.spec == other.spec


@dataclass(frozen=True, kw_only=True)
class Labels:
    """A side of label maps: all with palettes or none, and within the classes; with the `instances` in a folder."""

    spec: ImageSpec
    instances: Path | None = None

    def read(self, file: Path, part: Part | None = None) -> Array:
        """The classes in a file, (H, W, 1), void pixels as `spec.void`; with instances their numbers beside them.

        DataError names a bad file, or a label map without its instance map.
        """
        ids, is_indexed = read_classes(file, self.spec, page=part.page if part else None)
        if is_indexed != (self.spec.palette is not None):
            raise DataError(
                f"{file}: {_kind(is_indexed)}, where {_kind(not is_indexed)} is read",
                hint="Save all label maps in one way: their numbers need not mean the same.",
            )
        ids = self._checked(ids, file)
        return with_instances(ids, instance_file(file, self.instances)) if self.spec.instances else ids

    def is_like(self, other: "Side") -> bool:
        """Whether the other side would read the same from one file."""
        return isinstance(other, Labels)

    def _checked(self, ids: Array, file: Path) -> Array:
        classes = self.spec.classes or 0
        highest = highest_class(ids, self.spec)
        if highest >= classes:
            values = "" if self.spec.values is None else f", stored as {', '.join(map(str, self.spec.values))}"
            raise DataError(
                f"{file}: value {highest}; allowed are 0 to {classes - 1}{values}",
                hint=f"Fix the file, or raise dataset.classes (now {classes}). "
                f"If {highest} marks pixels of no class: --set dataset.void={highest}",
            )
        return ids


Side = Pictures | Labels


def pictures_spec(survey: Survey, *, range_: tuple[float, ...], option: str, background: tuple[int, ...]) -> ImageSpec:
    """What pictures of this survey are read as. ConfigError for a range or a background that is none."""
    spec = replace(survey.spec(), background=_colour(background))
    if not range_:
        return spec
    if len(range_) != 2 or range_[0] >= range_[1]:
        raise ConfigError(f"{option}: {list(range_)}: must have a low and a high value, as in [0, 4095]")
    return replace(spec, low=range_[0], high=range_[1])


def labels_spec(
    survey: Survey, files: Sequence[str], *, classes: int | None, values: tuple[int, ...], void: int | None
) -> ImageSpec:
    """What label maps are read as. ConfigError, with what the first ones hold, where `classes` is missing.

    A grey or 1-bit mask of 0 and 255 has two classes: these are their stored values.
    """
    is_indexed = survey.is_indexed()
    shown = label_map(Path(survey.examples[next(iter(survey.counts))]))
    if classes is None and not values:
        raise _classes_missing(files, void=void)
    count = classes or len(values)
    if values and (len(values) != count or len({*values}) != count):
        raise ConfigError(f"dataset.values: {len({*values})} different values for {count} classes")
    if not values and not is_indexed and count == 2 and _is_mask(survey, files):
        values = MASK
    palette = shown.palette if is_indexed else None
    colours = (*(palette or ())[:count], *[(0, 0, 0)] * (count - len(palette or ()))) if is_indexed else None
    bits = 16 if max((*values, count - 1, void or 0)) > 255 else 8
    return ImageSpec(
        kind="labels", channels=1, classes=count, palette=colours, bits=bits, values=values or None, void=void
    )


def _colour(background: tuple[int, ...]) -> tuple[int, int, int] | None:
    if not background:
        return None
    if len(background) != 3 or not all(0 <= value <= 255 for value in background):
        raise ConfigError(
            f"dataset.background {list(background)}: must be red, green and blue from 0 to 255, or []",
            hint="For example: --set dataset.background=[255,255,255]",
        )
    return background[0], background[1], background[2]


def _is_mask(survey: Survey, files: Sequence[str]) -> bool:
    """Whether label maps of two classes are masks of 0 and 255: all of 1 bit, or the first not empty says so."""
    if {kind.bits for kind in survey.counts} == {1}:
        return True
    values = _values(files)
    return values <= {*MASK} and MASK[1] in values


def _values(files: Sequence[str]) -> set[int]:
    """The values in the first label maps, until there are two different ones."""
    values: set[int] = set()
    for file in files[:LOOKED_AT]:
        values |= {int(v) for v in np.unique(label_map(Path(file)).ids)}
        if len(values) > 1:
            break
    return values


def _classes_missing(files: Sequence[str], *, void: int | None) -> ConfigError:
    values = _values(files) - {void}
    what = f"dataset.classes is not set; the first label maps, from {files[0]} on, hold "
    if values <= {*MASK}:
        return ConfigError(f"{what}the two values of a mask, 0 and 255", hint="Two classes: --set dataset.classes=2")
    highest = max(values)
    rest = max(values - {255}, default=0)
    marks = f"\nIf 255 marks pixels of no class: --set dataset.classes={rest + 1} --set dataset.void=255"
    hint = f"If no other holds more: --set dataset.classes={max(highest + 1, 2)}"
    return ConfigError(f"{what}values up to {highest}", hint=hint + (marks if highest == 255 and rest < 254 else ""))


def _kind(is_indexed: bool) -> str:
    return "a palette picture" if is_indexed else "a grey picture of class numbers"


def kind_of(spec: ImageSpec) -> str:
    """What a side is read as, in words."""
    if spec.kind == "labels":
        return f"labels of {spec.classes} classes" + (" with instance maps" if spec.instances else "")
    return str(FileKind(spec.channels, spec.bits))
