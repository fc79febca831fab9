"""What the sides of paired volumes are read as."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from imtrans.errors import DataError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.kit.images.conform import FLOAT, spec_of
from imtrans_medical.axes import PLANES, plane_of
from imtrans_medical.opening import open_volume
from imtrans_medical.pairs import VolumePair
from imtrans_medical.volume import Volume

AUTO = "auto"  # the plane in which the first source's slices lie


def spec_of_sides(pair: VolumePair, plane: str, neighbours: int, ranges: Sequence[tuple[float, ...]]) -> DataSpec:
    """What the first pair says of the sides; the `plane` may be AUTO. Each of the
    `ranges` is empty, or says which values become -1 and 1."""
    with contextlib.closing(open_volume(pair.source)) as source, contextlib.closing(open_volume(pair.target)) as target:
        axes = PLANES[plane_of(source.affine, source.name) if plane == AUTO else plane]
        return DataSpec(
            source=_spec(source, "source", ranges[0], axes=axes, slices=2 * neighbours + 1),
            target=_spec(target, "target", ranges[1], axes=axes, slices=1),
        )


def _spec(volume: Volume, side: str, limits: tuple[float, ...], *, axes: str, slices: int) -> ImageSpec:
    """What a side is read as: so many slices are its channels. DataError for values whose range nobody says."""
    channels = volume.components * slices
    if limits:
        low, high = float(limits[0]), float(limits[-1])
        return ImageSpec(kind="data", channels=channels, bits=FLOAT, low=low, high=high, clips=True, axes=axes)
    if volume.bits > 8:
        hint = f"Say which values mean the ends of the range: --set dataset.{side}_range=[LOW,HIGH]"
        raise DataError(f"{volume.name}: values of more than 8 bits", hint=hint)
    spec = spec_of(channels=channels, bits=volume.bits)
    return replace(spec, kind="data" if channels > 1 else "image", axes=axes)
