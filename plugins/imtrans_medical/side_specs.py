"""What the sides of paired volumes are read as."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from imtrans.errors import DataError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.kit.images.conform import FLOAT, spec_of
from imtrans.kit.pairing.sides import SidePair
from imtrans_medical.axes import PLANES, plane_of
from imtrans_medical.opening import open_volume
from imtrans_medical.volume import Volume

AUTO = "auto"  # the plane in which the first source's slices lie


class Seen(NamedTuple):
    """What networks see: slices of a plane (or AUTO) with so many neighbours on either side, or volumes."""

    plane: str
    neighbours: int
    is_volume: bool


def spec_of_sides(pair: SidePair, seen: Seen, ranges: Sequence[tuple[float, ...]]) -> DataSpec:
    """What the first pair says of the sides. Each of the `ranges` is empty, or says which values become -1 and 1."""
    with contextlib.closing(open_volume(pair.source)) as source, contextlib.closing(open_volume(pair.target)) as target:
        axes = PLANES[plane_of(source.affine, source.name) if seen.plane == AUTO else seen.plane]
        sides = [
            _spec(source, "source", ranges[0], slices=2 * seen.neighbours + 1),
            _spec(target, "target", ranges[1], slices=1),
        ]
        one, two = (replace(spec, axes=axes, is_volume=seen.is_volume) for spec in sides)
        return DataSpec(source=one, target=two)


def _spec(volume: Volume, side: str, limits: tuple[float, ...], *, slices: int) -> ImageSpec:
    """What a side is read as: so many slices are its channels. DataError for values whose range nobody says."""
    channels = volume.components * slices
    if limits:
        return ImageSpec(
            kind="data", channels=channels, bits=FLOAT, low=float(limits[0]), high=float(limits[-1]), clips=True
        )
    if volume.bits > 8:
        hint = f"Say which values mean the ends of the range: --set dataset.{side}_range=[LOW,HIGH]"
        raise DataError(f"{volume.name}: values of more than 8 bits", hint=hint)
    return replace(spec_of(channels=channels, bits=volume.bits), kind="data" if channels > 1 else "image")
