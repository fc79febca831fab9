"""Synthetic house facades: a label map and its image, each a function of an index."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from imtrans_synthetic.toy_materials import PALETTE, Bytes, Part, Shape
from imtrans_synthetic.toy_painting import paint

__all__ = ["PALETTE", "draw"]

Corner = tuple[float, float]
_Rng = np.random.Generator
_WALLS = ("brick", "plaster", "stone")
_LEAST_SIZE = 16


def draw(index: int, *, height: int, width: int, is_night: bool = False) -> tuple[Bytes, Bytes]:
    """Labels and image of facade number `index`, the same scene at every size, by day or by night.

    Both (height, width, 3), uint8, RGB; labels hold colours of PALETTE only. The same
    bytes each time, as far as numpy and OpenCV keep their versions. Raises ValueError
    for a negative index or a side under 16 pixels.
    """
    if index < 0 or min(height, width) < _LEAST_SIZE:
        raise ValueError(
            f"facade {index} at {height}x{width}: the index must be 0 or more"
            f" and each side {_LEAST_SIZE} pixels or more"
        )
    # PCG64 by name: default_rng may be another generator in a later numpy, and the data set would change.
    scene = _scene(np.random.Generator(np.random.PCG64(index)))
    return paint(scene, height=height, width=width, is_night=is_night)


class _House(NamedTuple):
    """A front divided into equal cells, a floor to each row; fractions of the image."""

    left: float
    top: float
    width: float
    height: float
    columns: int
    floors: int
    wall: str
    base: str
    door: int

    @property
    def cell(self) -> tuple[float, float]:
        return self.width / self.columns, self.height / self.floors

    def places(self, floor: int, *, size: tuple[float, float]) -> list[Corner]:
        """Upper left corners of an object centred in each cell of a floor, except the cell of the door."""
        width, height = self.cell
        y = self.top + (floor + 0.5) * height - size[1] / 2
        occupied = {self.door} if floor == self.floors - 1 else set()
        columns = (column for column in range(self.columns) if column not in occupied)
        return [(self.left + (column + 0.5) * width - size[0] / 2, y) for column in columns]


def _scene(rng: _Rng) -> Iterator[Part]:
    """All parts from back to front."""
    ground = rng.uniform(0.8, 0.92)
    yield Part("sky", "box", 1, 1, [(0, 0)], rng.uniform(-0.04, 0.04))
    width = rng.uniform(0.42, 1.0)
    left, gap = rng.uniform(0, 1 - width), float(rng.choice((0.0, 0.04, 0.09)))
    if rng.random() < 0.45:
        yield from _house(rng, left=rng.uniform(-0.3, -0.05), right=left - gap, ground=ground)
    if rng.random() < 0.45:
        right = rng.uniform(1.05, 1.3)
        yield from _house(rng, left=left + width + gap, right=right, ground=ground)
    yield from _house(rng, left=left, right=left + width, ground=ground)
    yield Part("pavement", "box", 1, 1.01 - ground, [(0, ground)], _tint(rng))
    yield from _greenery(rng, left=left, right=left + width, ground=ground)


def _tint(rng: _Rng) -> float:
    """A random brightness, the only thing that the labels do not determine."""
    return float(rng.uniform(-0.04, 0.04))


def _house(rng: _Rng, *, left: float, right: float, ground: float) -> Iterator[Part]:
    if min(right, 1) - max(left, 0) < 0.08:
        return
    top, pitch = rng.uniform(0.16, 0.5), rng.uniform(0.11, 0.17)
    columns = max(1, round((right - left) / rng.uniform(0.16, 0.3)))
    floors = max(1, round((ground - top) / rng.uniform(0.17, 0.27)))
    wall = _WALLS[rng.integers(len(_WALLS))]
    base = _WALLS[rng.integers(len(_WALLS))] if rng.random() < 0.4 else wall
    door = int(rng.integers(columns))
    house = _House(left, top, right - left, ground - top, columns, floors, wall, base, door)
    yield from _walls(rng, house)
    yield from _roof(rng, house, pitch=min(pitch, top - 0.05))
    yield from _windows(rng, house)
    yield from _door(rng, house)


def _walls(rng: _Rng, house: _House) -> Iterator[Part]:
    """Upper floors, ground floor; sometimes light strips at corners and between floors."""
    left, top, width, cell = house.left, house.top, house.width, house.cell[1]
    tall = house.height + 0.01  # reaches into the ground, which is painted later, so that rounding leaves no gap
    yield Part(house.wall, "box", width, tall, [(left, top)], _tint(rng))
    if house.base != house.wall:
        yield Part(house.base, "box", width, cell, [(left, top + tall - cell)], _tint(rng))
    if rng.random() < 0.4:
        yield Part("trim", "box", 0.022, tall, [(left, top), (left + width - 0.022, top)])
    if rng.random() < 0.5:
        lines = [(left, top + floor * cell) for floor in range(1, house.floors)]
        yield Part("trim", "box", width, 0.016, lines)


def _roof(rng: _Rng, house: _House, *, pitch: float) -> Iterator[Part]:
    kind = ("flat", "gable", "hip", "mansard")[rng.integers(4)]
    left, width, top = house.left - 0.025, house.width + 0.05, house.top
    chimney = house.left + house.width * rng.uniform(0.1, 0.8)
    if kind != "flat" and rng.random() < 0.6:
        yield Part("brick", "box", 0.05, pitch, [(chimney, top - pitch - 0.03)])
        yield Part("trim", "box", 0.066, 0.018, [(chimney - 0.008, top - pitch - 0.03)])
    if kind == "gable":
        yield from _gable(house, pitch=max(pitch, min(top - 0.02, 0.35 * width)))
    elif kind != "flat":
        shape: Shape = "hip" if kind == "hip" else "mansard"
        yield Part("roof", shape, width, pitch, [(left, top - pitch)], _tint(rng))
        yield from _dormers(house, pitch=pitch)
    thickness = rng.uniform(0.02, 0.05) if kind == "flat" else 0.018
    yield Part("trim", "box", width - 0.02, thickness, [(left + 0.01, top - thickness / 2)])


def _gable(house: _House, *, pitch: float) -> Iterator[Part]:
    """A roof viewed from its gable end: its edge around a triangle of wall with a round window."""
    middle, top = house.left + house.width / 2, house.top
    width = house.width + 0.05
    inner = 1 - 0.045 / pitch
    yield Part("roof", "gable", width, pitch, [(middle - width / 2, top - pitch)])
    corner = middle - width * inner / 2, top - pitch * inner
    yield Part(house.wall, "gable", width * inner, pitch * inner, [corner])
    eye = min(0.09, 0.4 * pitch)
    for name, size in (("trim", eye), ("window", eye * 0.72)):
        place = middle - size / 2, top - 0.36 * pitch - size / 2
        yield Part(name, "round", size, size, [place])


def _dormers(house: _House, *, pitch: float) -> Iterator[Part]:
    """Windows in the roof, above every second column."""
    size = min(0.08, 0.5 * house.cell[0]), 0.62 * pitch
    if pitch < 0.1 or house.columns < 3:
        return
    middles = [house.left + (c + 0.5) * house.cell[0] for c in range(1, house.columns - 1, 2)]
    for name, inset in (("trim", 0.0), ("window", 0.014)):
        width, height = size[0] - 2 * inset, size[1] - 2 * inset
        y = house.top - 0.85 * pitch + inset
        yield Part(name, "arch", width, height, [(m - width / 2, y) for m in middles])


def _windows(rng: _Rng, house: _House) -> Iterator[Part]:
    """The windows of all floors, with their surrounds or shutters, balconies and sills."""
    narrow, tall = rng.uniform(0.36, 0.66), rng.uniform(0.5, 0.72)
    size = narrow * house.cell[0], tall * house.cell[1]
    has_shutters = narrow < 0.52 and rng.random() < 0.6
    has_surround = not has_shutters and rng.random() < 0.7
    rows = [house.places(floor, size=size) for floor in range(house.floors)]
    kinds: tuple[Shape, Shape] = ("arch", "box") if rng.random() < 0.35 else ("box", "arch")
    shapes = [kinds[rng.random() < 0.2] for _ in rows]
    for shape in kinds:
        corners = [c for row, row_shape in zip(rows, shapes, strict=True) if row_shape == shape for c in row]
        if has_surround:
            surrounds = [(x - 0.012, y - 0.012) for x, y in corners]
            yield Part("trim", shape, size[0] + 0.024, size[1] + 0.018, surrounds)
        yield Part("window", shape, *size, corners)
    yield from _shutters(house, rows, size=size) if has_shutters else ()
    yield from _ledges(rng, house, rows, size=size)


def _shutters(house: _House, rows: list[list[Corner]], *, size: Corner) -> Iterator[Part]:
    width = min(0.45 * size[0], (house.cell[0] - size[0]) / 2 - 0.005)
    beside = [(x + move, y) for row in rows for x, y in row for move in (-width, size[0])]
    yield Part("shutter", "box", width, size[1], beside)


def _ledges(rng: _Rng, house: _House, rows: list[list[Corner]], *, size: Corner) -> Iterator[Part]:
    """Under the windows of each upper floor a long balcony, short ones, or sills; on the ground floor sills."""
    long, short, sills = list[Corner](), list[Corner](), list[Corner]()
    for floor, row in enumerate(rows):
        choice = rng.random() if floor < house.floors - 1 else 1.0
        if choice < 0.14:
            long.append((house.left + 0.015, row[0][1] + size[1] - 0.045))
        elif choice < 0.4:
            short += [(x - 0.015, y + size[1] - 0.04) for x, y in row]
        else:
            sills += [(x - 0.015, y + size[1]) for x, y in row]
    yield Part("trim", "box", size[0] + 0.03, 0.014, sills)
    yield Part("balcony", "box", size[0] + 0.03, 0.055, short)
    yield Part("balcony", "box", house.width - 0.03, 0.06, long)


def _door(rng: _Rng, house: _House) -> Iterator[Part]:
    width, height = min(0.62 * house.cell[0], 0.14), 0.84 * house.cell[1]
    x = house.left + (house.door + 0.5) * house.cell[0] - width / 2
    y = house.top + house.height - height
    shape: Shape = "arch" if rng.random() < 0.45 else "box"
    yield Part("trim", shape, width + 0.03, height + 0.015, [(x - 0.015, y - 0.015)])
    yield Part("door", shape, width, height, [(x, y)])


def _greenery(rng: _Rng, *, left: float, right: float, ground: float) -> Iterator[Part]:
    """Trees beside the house and bushes at its corners."""
    for edge, side in ((left, -1), (right, 1)):
        foot = ground + rng.uniform(0.015, 0.05)
        if rng.random() < 0.45:
            width, height = rng.uniform(0.16, 0.28), rng.uniform(0.25, 0.5)
            middle = edge + side * rng.uniform(-0.02, 0.12)
            yield Part("tree", "tree", width, height, [(middle - width / 2, foot - height)])
        if rng.random() < 0.6:
            size = rng.uniform(0.07, 0.13)
            steps = (edge - side * size * 0.8 * k - size / 2 for k in range(rng.integers(1, 4)))
            yield Part("tree", "bush", size, size, [(x, foot - size) for x in steps])
