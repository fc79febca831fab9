"""Synthetic sketches of machine parts, hand-drawn and exact, each a function of its index."""

import cmath
import math
from collections.abc import Iterator

import numpy as np

from imtrans_synthetic.cad_strokes import Arc, Bytes, Dot, Line, Part, Sheet, box, cross, fitted, hull, outline, slot

__all__ = ["draw"]

_Rng = np.random.Generator
_LEAST_SIZE = 32
_FEWEST, _MOST = 4, 25


def draw(index: int, *, height: int = 288, width: int = 432) -> tuple[Bytes, Bytes]:
    """Sketch number `index` by hand and exactly, the same at every size of one aspect.

    Both (height, width, 3), uint8, RGB: black on white. The same bytes each time, as far as numpy and
    OpenCV keep their versions. Raises ValueError for a negative index or a side under 32 pixels.
    """
    if index < 0 or min(height, width) < _LEAST_SIZE:
        allowed = f"the index must be 0 or more and each side {_LEAST_SIZE} pixels or more"
        raise ValueError(f"sketch {index} at {height}x{width}: {allowed}")
    # PCG64 by name: default_rng may be another generator in a later numpy, and the data set would change.
    rng = np.random.Generator(np.random.PCG64(index))
    hand, exact = Sheet(height=height, width=width), Sheet(height=height, width=width)
    for part in fitted(_sketch(rng), fill=rng.uniform(0.66, 0.88), height=height, width=width):
        hand.sketch(part, rng)
        exact.rule(part)
    return hand.image(), exact.image()


def _sketch(rng: _Rng) -> list[Part]:
    """The parts of a random object in a random orientation, 4 to 25 of them."""
    parts = list[Part]()
    # Redrawn until the count fits, not cut: every kind must look complete.
    while not _FEWEST <= len(parts) <= _MOST:
        parts = [*_KINDS[rng.integers(len(_KINDS))](rng)]
        if rng.random() < 0.2:
            parts.append(Dot(0))
    turns = rng.choice([0.0, 1.0, 2.0, 3.0], p=[0.4, 0.1, 0.4, 0.1])
    angle = turns * math.pi / 2 + (rng.uniform(-0.6, 0.6) if rng.random() < 0.15 else 0.0)
    return [part.moved(cmath.exp(1j * angle), 0) for part in parts]


def _around(radius: float, count: int, *, first: float = 0.0) -> list[complex]:
    return [cmath.rect(radius, first + math.tau * k / count) for k in range(count)]


def _bolts(rng: _Rng, radius: float, size: float) -> Iterator[Part]:
    """Holes on a construction circle."""
    count = int(rng.choice([3, 4, 5, 6, 8]))
    hole = min(size, 1.6 * radius / count)
    yield Arc(0, radius, is_dashed=True)
    yield from (Arc(place, hole) for place in _around(radius, count, first=rng.choice([0, math.pi / count])))


def _bore(rng: _Rng, radius: float) -> Iterator[Part]:
    """The centre of a part: a bore, often stepped, with a key way, or inside a circle of bolts."""
    choice = rng.random()
    if choice < 0.25 and radius > 0.4:
        yield from _bolts(rng, 0.78 * radius, 0.14 * radius)
        radius *= 0.55
    if 0.25 < choice < 0.5:
        yield from _key_way(0.7 * radius, rng.uniform(0.3, 0.5))
    else:
        yield Arc(0, 0.9 * radius)
    if choice > 0.65:
        yield Arc(0, radius * rng.uniform(0.45, 0.75))


def _key_way(radius: float, half: float) -> Iterator[Part]:
    yield Arc(0, radius, half, math.tau - 2 * half)
    low, high = cmath.rect(radius, -half), cmath.rect(radius, half)
    out = 1.3 * radius - low.real
    yield from (Line(low, low + out), Line(low + out, high + out), Line(high + out, high))


def _plate(rng: _Rng) -> Iterator[Part]:
    """Rounded or chamfered, with holes at the corners, at the middle or in a row."""
    width, height = rng.uniform(2.2, 3.6), rng.uniform(1.4, 2.2)
    cut = height * rng.uniform(0.08, 0.24) * (rng.random() < 0.85)
    yield from outline(box(width, height), cuts=[cut] * 4, is_round=rng.random() < 0.7)
    inset = max(cut, 0.16 * height)
    if has_holes := rng.random() < 0.65:
        yield from (Arc(place, 0.45 * inset) for place in box(width - 2 * inset, height - 2 * inset))
    room = height / 2 - (inset if has_holes else 0.1 * height)
    yield from (_bore if rng.random() < 0.6 else _row)(rng, min(room, 0.35 * width))
    if rng.random() < 0.35:
        yield from cross(complex(0.56 * width, 0.58 * height))


def _row(rng: _Rng, room: float) -> Iterator[Part]:
    """Slots or holes in a row."""
    count, half = int(rng.integers(1, 4)), room * rng.uniform(0.4, 0.75)
    radius, step = min(0.25, 0.3 * room), rng.uniform(0.7, 0.85) * max(room, 0.6)
    for place in ((k - (count - 1) / 2) * step for k in range(count)):
        if count == 1:
            yield from slot(complex(-1.3 * half, 0), complex(1.3 * half, 0), 1.4 * radius)
        elif room > 0.5:
            yield from slot(complex(place, -half + radius), complex(place, half - radius), 0.9 * radius)
        else:
            yield Arc(place, radius)


def _profile(rng: _Rng) -> Iterator[Part]:
    """The section of a rolled beam: L, T, U or Z, rounded where it turns inwards."""
    w, h, t = rng.uniform(1.8, 2.8), rng.uniform(1.4, 2.0), rng.uniform(0.25, 0.5)
    inner, s = (w - t) / 2, t * rng.uniform(0.8, 1.2)
    r, q = rng.uniform(0.3, 0.6) * t * np.array([1, rng.random() < 0.5])
    corners, cuts = (
        ([0, w, w + s * 1j, t + s * 1j, t + h * 1j, h * 1j], [0, 0, q, r, q, 0]),
        ([0, w, w + s * 1j, w - inner + s * 1j, w - inner + h * 1j, inner + h * 1j, inner + s * 1j, s * 1j],
         [0, 0, q, r, 0, 0, r, q]),
        ([0, w, w + h * 1j, w - t + h * 1j, w - t + s * 1j, t + s * 1j, t + h * 1j, h * 1j],
         [r + q, r + q, q / 2, q / 2, r, r, q / 2, q / 2]),
        ([0, inner + t, inner + t + (h - s) * 1j, w + (h - s) * 1j, w + h * 1j, inner + h * 1j, inner + s * 1j, s * 1j],
         [0, r + q, r, q, 0, r + q, r, q]),
    )[rng.integers(4)]  # fmt: skip
    yield from (part.moved(1, -complex(w, h) / 2) for part in outline(corners, cuts=cuts))
    if rng.random() < 0.4:
        yield from cross(complex(0.6 * w, 0.62 * h))


def _flange(rng: _Rng) -> Iterator[Part]:
    """Round, with bolts, a stepped bore and centre lines."""
    yield Arc(0, 1)
    yield from _bolts(rng, rng.uniform(0.68, 0.8), rng.uniform(0.07, 0.13))
    yield from _bore(rng, rng.uniform(0.3, 0.48))
    if rng.random() < 0.7:
        yield from cross(1.12 + 1.12j)


def _link(rng: _Rng) -> Iterator[Part]:
    """A lever: two eyes and the lines tangent to both."""
    reach, left, right = rng.uniform(1.1, 1.6), rng.uniform(0.45, 0.75), rng.uniform(0.28, 0.7)
    yield from hull([(-reach, left), (reach, right)])
    for x, radius in ((-reach, left), (reach, right)):
        hole = radius * rng.uniform(0.35, 0.7)
        yield Arc(x, hole)
        if rng.random() < 0.3:
            yield Arc(x, (hole + radius) / 2)
    choice = rng.random()
    if choice < 0.45:
        yield from slot(complex(-0.3 * reach, 0), complex(0.35 * reach, 0), 0.35 * min(left, right))
    if choice > 0.3:
        yield Line(-reach - 1.2 * left, reach + 1.2 * right, is_dashed=True)


def _gasket(rng: _Rng) -> Iterator[Part]:
    """Three to five ears around a bore."""
    count, size = int(rng.integers(3, 6)), rng.uniform(0.22, 0.34)
    stretch = rng.uniform(1.0, 1.5)
    ears = [complex(stretch * ear.real, ear.imag) for ear in _around(1, count, first=math.pi / count)]
    yield from hull([(ear, size) for ear in ears])
    yield from (Arc(ear, 0.5 * size) for ear in ears)
    yield from _bore(rng, rng.uniform(0.4, 0.55) - 0.1 * (count == 3))
    if rng.random() < 0.4:
        yield from cross(1.7 + 1.4j)


def _shaft(rng: _Rng) -> Iterator[Part]:
    """Steps mirrored at a dashed axis, chamfered at both ends."""
    count = int(rng.integers(2, 5))
    ends = np.cumsum(np.r_[0, rng.uniform(0.5, 1.2, count)])
    radii = rng.choice([0.35, 0.5, 0.62, 0.8], count, replace=False)
    steps = [complex(x, r) for k, r in enumerate(radii) for x in ends[k : k + 2]]
    contour = [*steps, *(step.conjugate() for step in reversed(steps))]
    cuts = [0.12 * (step in (steps[0], steps[-1]) or step.conjugate() in (steps[0], steps[-1])) for step in contour]
    yield from (part.moved(1, -ends[-1] / 2) for part in outline(contour, cuts=cuts, is_round=rng.random() < 0.3))
    for k in range(1, count):
        height = min(radii[k - 1 : k + 1])
        x = ends[k] - ends[-1] / 2
        yield Line(complex(x, -height), complex(x, height))
    yield Line(-0.56 * ends[-1], 0.56 * ends[-1], is_dashed=True)


def _bracket(rng: _Rng) -> Iterator[Part]:
    """A bearing: an eye, tangent lines, and a foot."""
    x, y, eye = rng.uniform(0.8, 1.4), rng.uniform(0.9, 1.2), rng.uniform(0.4, 0.6)
    yield from hull([(0j, eye), (complex(x, y), 0.12), (complex(-x, y), 0.12)])
    yield from (Arc(0, eye * share) for share in (0.45, 0.7)[: rng.integers(1, 3)])
    if rng.random() < 0.7:
        yield from (Arc(complex(side * 0.6 * x, 0.82 * y), 0.1) for side in (-1, 1))
    if rng.random() < 0.6:
        yield Line(complex(0, -1.3 * eye), complex(0, y + 0.3), is_dashed=True)
        yield Line(-1.3 * eye, 1.3 * eye, is_dashed=True)


def _sector(rng: _Rng) -> Iterator[Part]:
    """A hub and a slot bent around it."""
    middle, half, angle = 1.5, rng.uniform(0.12, 0.28), rng.uniform(0.4, 1.1)
    yield from (Arc(0, middle + side * half, -angle, 2 * angle) for side in (-1, 1))
    yield from (Arc(cmath.rect(middle, s * angle), half, s * angle, s * math.pi) for s in (-1, 1))
    yield Arc(0, middle, -1.4 * angle, 2.8 * angle, is_dashed=True)
    yield from (Line(0, cmath.rect(middle + 2 * half, side * angle), is_dashed=True) for side in (-1, 1))
    yield from (Arc(0, radius) for radius in (0.45, 0.28)[: rng.integers(1, 3)])


def _loose(rng: _Rng) -> Iterator[Part]:
    """An open chain of lines and tangent arcs, with an eye at its end."""
    place, heading, side = 0j, 1 + 0j, 1
    for _ in range(rng.integers(3, 6)):
        end = place + heading * rng.uniform(0.6, 1.5)
        yield Line(place, end)
        angle, side = rng.choice([math.pi / 4, math.pi / 2]), -side if rng.random() < 0.7 else side
        arm = -1j * side * heading * rng.choice([0.25, 0.4, 0.6])
        yield Arc(end - arm, abs(arm), cmath.phase(arm), side * angle)
        place, heading = end - arm + arm * cmath.exp(1j * side * angle), heading * cmath.exp(1j * side * angle)
    yield Line(0, place, is_dashed=True)
    yield Arc(place + heading * 0.35, 0.35)


_KINDS = (_plate, _plate, _profile, _flange, _link, _gasket, _shaft, _bracket, _sector, _loose)
