"""Paints the parts of a facade, in order, into a label map and an image."""

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from imtrans_synthetic.toy_materials import (
    CROWN,
    MATERIALS,
    TEXTURES,
    Bytes,
    Floats,
    Part,
    Shape,
    Tile,
)
from imtrans_synthetic.toy_night import night

_NAMES = tuple(MATERIALS)
_CORNERS: Mapping[Shape, Sequence[tuple[float, float]]] = {
    "gable": ((0, 1), (0.5, 0), (1, 1)),
    "hip": ((0, 1), (0.22, 0), (0.78, 0), (1, 1)),
    "mansard": ((0, 1), (0.06, 0), (0.94, 0), (1, 1)),
    "arch": ((0, 0.2), (1, 0.2), (1, 1), (0, 1)),
    "tree": ((0.44, 0.5), (0.56, 0.5), (0.56, 1), (0.44, 1)),
}
_ROUNDS: Mapping[Shape, float] = {"arch": 0.4, "round": 1.0, "bush": 1.0, "tree": CROWN}
_FINE = 128  # smallest side of the canvas in pixels: below that the thinnest bars vanish


def paint(parts: Iterable[Part], *, height: int, width: int, is_night: bool = False) -> tuple[Bytes, Bytes]:
    """Labels and image, (height, width, 3) RGB, of parts given from back to front."""
    scale = max(2, -(-_FINE // min(height, width)))
    classes = np.zeros((height * scale, width * scale), np.uint8)
    colours = np.zeros((*classes.shape, 3), np.uint8)
    for part in (part for part in parts if part.places):
        _place(part, classes, colours)
    labels = np.array([MATERIALS[name].label for name in _NAMES], np.uint8)
    # Labels take the centre of each block: an average would invent colours that stand for no class.
    centre = slice(scale // 2, None, scale)
    if is_night:  # no sun, no shadows
        picture = cv2.resize(night(classes, colours, _NAMES), (width, height), interpolation=cv2.INTER_AREA)
        return labels[classes[centre, centre]], np.asarray(picture, np.uint8)
    return labels[classes[centre, centre]], _lit(classes, colours, size=(width, height))


def _place(part: Part, classes: Bytes, colours: Bytes) -> None:
    """Paint the part once and copy it to each of its places."""
    rows, columns = classes.shape
    size = max(1, round(part.height * rows)), max(1, round(part.width * columns))
    corners = [(round(x * columns), round(y * rows)) for x, y in part.places]
    mask = _mask(part.shape, size)
    # All places share the texture of the first: a row of windows costs one.
    tile = _tile(part, mask, corner=corners[0], canvas=classes.shape)
    texture = _coloured(part, TEXTURES[part.name](tile))
    index, solid = _NAMES.index(part.name), mask.view(np.bool_)
    for corner in corners:
        area, visible = _overlap(corner, size, canvas=classes.shape)
        if part.shape == "box":
            classes[area], colours[area] = index, texture[visible]
        else:
            classes[area][solid[visible]] = index
            np.copyto(colours[area], texture[visible], where=solid[visible][..., None])


def _overlap(
    corner: tuple[int, int], size: tuple[int, int], *, canvas: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The area of the canvas that a part covers, and the pixels of the part that are visible there."""
    (x, y), (rows, columns) = corner, size
    left, top = max(x, 0), max(y, 0)
    # At least left and top: a part outside the canvas then has empty slices, not negative ones.
    right, bottom = max(min(x + columns, canvas[1]), left), max(min(y + rows, canvas[0]), top)
    area = slice(top, bottom), slice(left, right)
    return area, (slice(top - y, bottom - y), slice(left - x, right - x))


def _mask(shape: Shape, size: tuple[int, int]) -> Bytes:
    """1 inside the shape that fills `size`, 0 outside."""
    if shape == "box":
        return np.ones(size, np.uint8)
    mask = np.zeros(size, np.uint8)
    scale = np.array([size[1] - 1, size[0] - 1])
    if shape in _CORNERS:
        cv2.fillPoly(mask, [np.round(_CORNERS[shape] * scale).astype(np.int32)], 1)
    if shape in _ROUNDS:
        outline = _round(bumps=0.05 if shape in ("bush", "tree") else 0.0) * (1, _ROUNDS[shape])
        cv2.fillPoly(mask, [np.round(outline * scale).astype(np.int32)], 1)
    return mask


def _round(*, bumps: float) -> NDArray[np.float64]:
    """A polygon around the centre of the unit square, (N, 2); waves take up the share `bumps` of its radius."""
    angle = np.arange(72) * (np.pi / 36)
    radius = 0.5 - 0.5 * bumps * (1 - np.cos(9 * angle))
    return np.stack([0.5 + radius * np.cos(angle), 0.5 + radius * np.sin(angle)], 1)


def _tile(part: Part, mask: Bytes, *, corner: tuple[int, int], canvas: tuple[int, ...]) -> Tile:
    (rows, columns), (x, y) = mask.shape, corner
    # + 0.5: the centres of pixels, so that textures do not shift with the resolution.
    across = (np.arange(columns, dtype=np.float32) + 0.5)[None, :]
    down = (np.arange(rows, dtype=np.float32) + 0.5)[:, None]
    return Tile(
        u=across / columns,
        v=down / rows,
        x=(across + x) / np.float32(canvas[1]),
        y=(down + y) / np.float32(canvas[0]),
        mask=mask,
        unit=min(canvas),
        part=part,
    )


def _coloured(part: Part, brightness: Floats) -> Bytes:
    """Between the material's dark (0) and light (1) colour; (H, W) to (H, W, 3)."""
    material = MATERIALS[part.name]
    channels = [
        cv2.convertScaleAbs(brightness, alpha=light - dark, beta=dark + part.tint * (light - dark))
        for dark, light in zip(material.dark, material.light, strict=True)
    ]
    return np.asarray(cv2.merge(channels), np.uint8)


def _lit(classes: Bytes, colours: Bytes, *, size: tuple[int, int]) -> Bytes:
    """The image at `size` (width, height), darkened by the shadows."""
    shadow = cv2.resize(_shadow(classes), size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
    light = 1 - np.float32(0.45 / 255) * shadow[..., None]
    # + 0.5, as astype truncates.
    return (small * light + np.float32(0.5)).astype(np.uint8)


def _shadow(classes: Bytes) -> Bytes:
    """0 to 255: protruding parts cast shadows to the lower right, longer ones the more they protrude."""
    reliefs = [MATERIALS[name].relief for name in _NAMES]
    casts = _lookup(classes, [0 if r is None else r for r in reliefs])
    receives = _lookup(classes, [255 if r is None else r for r in reliefs])
    unit = min(classes.shape)  # so that shadows have the same share of the image at every size
    shadow = np.zeros_like(classes)
    for reach, step in ((0.008, 1), (0.02, 3)):
        excess = cv2.subtract(_moved(casts, max(1, round(reach * unit))), receives)
        shadow = np.maximum(shadow, (excess >= step) * np.uint8(255))
    blur = max(1, unit // 128) * 2 + 1
    return np.asarray(cv2.blur(shadow, (blur, blur)), np.uint8)


def _moved(image: Bytes, by: int) -> Bytes:
    """The image moved `by` pixels to the lower right."""
    moved = np.zeros_like(image)
    moved[by:, by:] = image[:-by, :-by]
    return moved


def _lookup(classes: Bytes, values: Sequence[int]) -> Bytes:
    table = np.zeros(256, np.uint8)  # OpenCV wants all 256 entries
    table[: len(values)] = values
    return np.asarray(cv2.LUT(classes, table), np.uint8)
