"""Transparent pictures on a background."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import numpy as np

from imtrans.kit.images.array import Array, Color

_FOUND: ContextVar[list[bool] | None] = ContextVar("imtrans_opacity", default=None)
ROWS = 256  # composited at once: a whole picture would need four times its memory


def composite(
    picture: Array, alpha: Array, background: Color | None, *, white: int | float, is_premultiplied: bool = False
) -> Array:
    """(H, W, C) on a background, by alpha (H, W): alpha * picture + (1 - alpha) * background, rounded; same dtype.

    `white` is the greatest value of picture and alpha. A premultiplied picture is multiplied by alpha already. Opaque
    pixels keep their values exactly, and all pixels do where `background` is None.
    """
    picture_on_it = _composite(picture, alpha, background, white=white, is_premultiplied=is_premultiplied)
    if (found := _FOUND.get()) is None:
        return picture_on_it
    found.append(True)
    return np.concatenate([picture_on_it, (alpha >= white)[..., None].astype(picture.dtype)], axis=-1)


@contextlib.contextmanager
def opacity_as_channel() -> Iterator[list[bool]]:
    """A block in which `composite` adds a last channel, 1 where a picture is opaque and else 0, so that it is turned
    upright with the others; the list is then not empty."""
    found: list[bool] = []
    token = _FOUND.set(found)
    try:
        yield found
    finally:
        _FOUND.reset(token)


def _composite(
    picture: Array, alpha: Array, background: Color | None, *, white: int | float, is_premultiplied: bool
) -> Array:
    if background is None or bool((alpha >= white).all()):
        return picture
    levels = _levels(background, picture.shape[-1], white)
    result = np.empty_like(picture)
    for rows in (slice(i, i + ROWS) for i in range(0, len(picture), ROWS)):
        colour, opacity = picture[rows], alpha[rows, :, None]
        if picture.dtype.kind == "f":
            opacity = opacity.clip(0, 1)
            hidden = (1 - opacity) * levels
            result[rows] = hidden + (colour if is_premultiplied else colour * opacity)
        else:
            half, whole = np.uint32(white) // np.uint32(2), np.uint32(white)
            wide, hidden = colour.astype(np.uint32), (whole - opacity) * levels.astype(np.uint32)
            mixed = wide + (hidden + half) // whole if is_premultiplied else (wide * opacity + hidden + half) // whole
            result[rows] = np.minimum(mixed, whole)
    return result


def _levels(background: Color, channels: int, white: int | float) -> Array:
    """The background in as many channels and of the depth of a picture; grey (Rec. 601) unless there are three."""
    colour = np.asarray(background, np.float32)
    levels = colour if channels == 3 else np.full(channels, colour @ np.array([0.299, 0.587, 0.114]))
    scaled = levels * (white / 255)
    return scaled.astype(np.float32) if isinstance(white, float) else np.rint(scaled)
