"""Pictures brought to what a side is read as: its channels, its depth, its range. The same rules for training,
evaluation and translation."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import ImageSpec, Raster
from imtrans.kit.images.array import WHITE, Array, Color
from imtrans.kit.images.convert import with_channels
from imtrans.kit.images.decode import decode
from imtrans.kit.images.header import header
from imtrans.kit.images.readers.memory_file import PictureFile

FLOAT = 32  # bits


def spec_of(*, channels: int, bits: int) -> ImageSpec:
    """The specification of pictures of so many channels and significant bits (32: float, from 0 to 1).

    Those of 10, 12 or 14 bits are read as 16, whose files everything can show.
    """
    depth = bits if bits in (8, FLOAT) else 8 if bits < 8 else 16
    is_picture = channels in (1, 3) and bits < FLOAT
    return ImageSpec(kind="image" if is_picture else "data", channels=channels, high=white(depth), bits=depth)


def spec_of_raster(raster: Raster, limits: Sequence[float], *, stored: str, name: str, option: str) -> ImageSpec:
    """The specification of a file that is read by windows, whose values between two `limits` become -1 to 1.

    DataError for values of a type without a range of its own (its name is in `stored`, else "") where no limits are
    given; `option` sets them.
    """
    spec = spec_of(channels=raster.channels, bits=raster.bits)
    if limits:
        return replace(spec, low=float(limits[0]), high=float(limits[-1]), clips=True)
    if stored:
        hint = f"Say which values mean the ends of the range: --set {option}=[LOW,HIGH]"
        raise DataError(f"{name}: values of {stored}", hint=hint)
    return spec


def white(bits: int) -> float:
    """The stored value that is white, of so many significant bits; decoders scale fewer than 8 to 8."""
    return 1.0 if bits == FLOAT else 2.0 ** max(bits, 8) - 1


def is_ranged(spec: ImageSpec) -> bool:
    """Whether values can lie outside of the range: floats, and whole numbers with a range of their own."""
    return spec.bits == FLOAT or (spec.low, spec.high) != (0, white(spec.bits))


def decode_with_bits(
    path: PictureFile, *, background: Color | None = WHITE, page: int | None = None, pages: int = 1
) -> tuple[Array, int]:
    """The picture in a file, as `decode` gives it, and its significant bits.

    Files of 10, 12 or 14 bits decode to uint16 as those of 16 do; only the header tells.
    """
    picture = decode(path, background=background, page=page)
    if pages > 1:
        others = [decode(path, background=background, page=number) for number in range(1, pages)]
        if any(other.shape[:2] != picture.shape[:2] or other.dtype != picture.dtype for other in others):
            raise DataError(f"{path}: its pages differ in size or depth", hint="Pages that are channels must be alike.")
        picture = np.concatenate([picture, *others], axis=-1)
    return picture, header(path).bits if picture.dtype == np.uint16 else 8 * int(picture.dtype.itemsize)


def conform(picture: Array, spec: ImageSpec, *, bits: int, name: str, option: str = "") -> Array:
    """A picture (H, W, C) as stored, of so many significant bits, as `spec` says.

    Grey is repeated to its channels, colour becomes grey, and depths are converted range to range. DataError, beginning
    with `name`, for floats where whole numbers are read and the reverse, for another depth where the range is not the
    whole depth, and for values outside the range; `option` names what sets the range.
    """
    # A range of one's own counts stored values, whatever bits the header says.
    is_raw = is_ranged(spec) and 8 < bits <= 16 == spec.bits
    if max(bits, 8) != spec.bits and not is_raw:
        picture = _to_depth(picture, spec, bits=bits, name=name, option=option)
    picture = with_channels(picture, spec.channels, name=name)
    if spec.clips:
        return np.clip(picture, spec.low, spec.high).astype(picture.dtype)
    if is_ranged(spec):
        check_range(picture, spec, name=name, option=option)
    return picture


def check_range(picture: Array, spec: ImageSpec, *, name: str, option: str = "") -> None:
    """DataError where values lie outside the range of `spec`; `option` names what sets the range."""
    low, high = (float(picture.min()), float(picture.max())) if picture.size else (spec.low, spec.high)
    if low < spec.low or high > spec.high:
        hint = f"Say what the values may be: {option}" if option else ""
        raise DataError(
            f"{name}: values from {low:g} to {high:g}; allowed are {spec.low:g} to {spec.high:g}", hint=hint
        )


def rescale(picture: Array, spec: ImageSpec, *, low: float, high: float) -> Array:
    """Values from `low` to `high` as the values from `spec.low` to `spec.high`, rounded where these are whole."""
    scale = (spec.high - spec.low) / (high - low)
    values = (picture.astype(np.float64) - low) * scale + spec.low
    if spec.bits == FLOAT:
        return values.astype(np.float32)
    limit = white(spec.bits)
    whole: Array = np.rint(values).clip(0, limit).astype(np.uint8 if spec.bits <= 8 else np.uint16)
    return whole


def _to_depth(picture: Array, spec: ImageSpec, *, bits: int, name: str, option: str) -> Array:
    if FLOAT in (bits, spec.bits) or is_ranged(spec):
        own = "float values" if bits == FLOAT else f"whole numbers of {bits} bits"
        wanted = "floats" if spec.bits == FLOAT else f"whole numbers of {spec.bits} bits"
        raise DataError(
            f"{name}: {own}, where {wanted} from {spec.low:g} to {spec.high:g} are read",
            hint="Save all pictures of a side in one depth." + (f" Or say their range: {option}" if option else ""),
        )
    return rescale(picture, spec, low=0, high=white(bits))
