"""Lines, arcs and dots, with points as complex numbers, drawn exactly or as if by hand."""

import cmath
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Points = NDArray[np.complex128]
Curve = Callable[[Floats], Points]
_REFERENCE = 288  # px: the shorter side at which lengths below hold
_WAVE = 100 / 3  # px: matplotlib's sketch length over its randomness
_DASH, _PERIOD = 5.0, 8.0  # px
_SHIFT = 4  # fractional bits of the coordinates given to OpenCV


class Line(NamedTuple):
    """A straight line; dashed where it is construction."""

    start: complex
    end: complex
    is_dashed: bool = False

    @property
    def length(self) -> float:
        """In pixels, or in the units of its points."""
        return abs(self.end - self.start)

    def moved(self, factor: complex, shift: complex) -> "Line":
        """Multiplied by `factor` (scale and rotation), then shifted."""
        return Line(self.start * factor + shift, self.end * factor + shift, self.is_dashed)

    def at(self, t: Floats) -> Points:
        """The points at `t`, 0 at the start and 1 at the end."""
        return np.asarray(self.start + (self.end - self.start) * t, np.complex128)

    def normal(self, t: Floats) -> Points:
        """The unit vectors across the path at `t`."""
        return np.full(t.shape, 1j * _unit(self.end - self.start))


class Arc(NamedTuple):
    """A part of a circle, from angle `start` over `sweep`, in radians."""

    centre: complex
    radius: float
    start: float = 0.0
    sweep: float = math.tau
    is_dashed: bool = False

    @property
    def length(self) -> float:
        """In pixels, or in the units of its points."""
        return self.radius * abs(self.sweep)

    def moved(self, factor: complex, shift: complex) -> "Arc":
        """Multiplied by `factor` (scale and rotation), then shifted."""
        start = self.start + cmath.phase(factor)
        return Arc(self.centre * factor + shift, self.radius * abs(factor), start, self.sweep, self.is_dashed)

    def at(self, t: Floats) -> Points:
        """The points at `t`, 0 at the start and 1 at the end."""
        return self.centre + self.radius * self.normal(t)

    def normal(self, t: Floats) -> Points:
        """The unit vectors across the path at `t`."""
        return np.asarray(np.exp(1j * (self.start + self.sweep * t)), np.complex128)


class Dot(NamedTuple):
    """A point, drawn as a small disc."""

    place: complex

    def moved(self, factor: complex, shift: complex) -> "Dot":
        """Multiplied by `factor` (scale and rotation), then shifted."""
        return Dot(self.place * factor + shift)


Part = Line | Arc | Dot


def outline(corners: Sequence[complex], *, cuts: Sequence[float], is_round: bool = True) -> Iterator[Part]:
    """A closed polygon; each corner rounded with its cut as radius, or chamfered by it; 0 leaves it sharp."""
    count, ends = len(corners), list[tuple[complex, complex]]()
    for index, corner in enumerate(corners):
        back, ahead = (_unit(corners[(index + step) % count] - corner) for step in (-1, 1))
        half = abs(cmath.phase(ahead / back)) / 2
        reach = cuts[index] / math.tan(half) if is_round else cuts[index]
        ends.append((corner + back * reach, corner + ahead * reach))
        if cuts[index] and is_round:
            yield _arc(corner + _unit(back + ahead) * cuts[index] / math.sin(half), *ends[-1])
        elif cuts[index]:
            yield Line(*ends[-1])
    sides = (Line(ends[index - 1][1], ends[index][0]) for index in range(count))
    yield from (side for side in sides if side.length > 1e-6)


def hull(circles: Sequence[tuple[complex, float]]) -> Iterator[Part]:
    """The path of a belt around circles (centre, radius), which must be in the order of their angle."""
    normals = []
    for (centre, radius), (next_centre, next_radius) in zip(circles, [*circles[1:], circles[0]], strict=True):
        turn = math.acos((radius - next_radius) / abs(next_centre - centre))
        normals.append(_unit(next_centre - centre) * cmath.exp(-1j * turn))
        yield Line(centre + radius * normals[-1], next_centre + next_radius * normals[-1])
    for index, (centre, radius) in enumerate(circles):
        start = cmath.phase(normals[index - 1])
        yield Arc(centre, radius, start, (cmath.phase(normals[index]) - start) % math.tau)


def box(width: float, height: float) -> list[complex]:
    """The corners of a rectangle around the origin."""
    return [complex(x * width, y * height) / 2 for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]


def cross(reach: complex) -> Iterator[Part]:
    """Centre lines through the origin."""
    yield Line(complex(-reach.real, 0), complex(reach.real, 0), is_dashed=True)
    yield Line(complex(0, -reach.imag), complex(0, reach.imag), is_dashed=True)


def slot(start: complex, end: complex, radius: float) -> Iterator[Part]:
    """A slot with round ends whose centres are `start` and `end`."""
    return hull([(start, radius), (end, radius)])


def _unit(vector: complex) -> complex:
    return vector / abs(vector)


def _arc(centre: complex, start: complex, end: complex) -> Arc:
    """The shorter arc between two points: `phase` is in (-pi, pi]."""
    sweep = cmath.phase((end - centre) / (start - centre))
    return Arc(centre, abs(start - centre), cmath.phase(start - centre), sweep)


def fitted(parts: Sequence[Part], *, fill: float, height: int, width: int) -> list[Part]:
    """The parts moved to the middle of an image, at most `fill` of its width and height."""
    # 49 points of each part: 48 divides a circle so that its extremes at the axes are among them.
    t = np.linspace(0, 1, 49)
    points = np.concatenate([[p.place] if isinstance(p, Dot) else p.at(t) for p in parts])
    low, high = complex(points.real.min(), points.imag.min()), complex(points.real.max(), points.imag.max())
    scale = fill * min(width / (high - low).real, height / (high - low).imag)
    shift = complex(width - 1, height - 1) / 2 - (low + high) / 2 * scale
    return [part.moved(scale, shift) for part in parts]


class Sheet:
    """White paper on which parts are drawn in pixels, at 3 or 5 times the resolution of the final `image`."""

    def __init__(self, *, height: int, width: int) -> None:
        self.unit = min(height, width) / _REFERENCE
        self._size = width, height
        # Odd, so that the centre of a pixel is the centre of a fine pixel.
        self._fine = 5 if self.unit < 1.5 else 3
        self._paper = np.full((height * self._fine, width * self._fine), 255, np.uint8)

    def image(self) -> Bytes:
        """(height, width, 3), uint8, RGB."""
        # INTER_AREA: the grey of an edge is the share of the pixel that the line covers.
        grey = cv2.resize(self._paper, self._size, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)

    def rule(self, part: Part) -> None:
        """Draw the part exactly. Horizontal and vertical lines are moved to whole pixels, so that they have no grey."""
        if isinstance(part, Dot):
            return self._dot(part.place)
        if isinstance(part, Line) and min(abs(_xy(part.end - part.start))) < 1e-6:
            part = Line(complex(*np.rint(_xy(part.start))), complex(*np.rint(_xy(part.end))), part.is_dashed)
        return self._ink(part.at, self._spans(part, 0.0, 1.0))

    def sketch(self, part: Part, rng: np.random.Generator) -> None:
        """Draw the part as a hand would: wavering, and starting and ending beside its ends."""
        # All 16 numbers at once, also those not used here: each part takes as many draws, whatever its kind.
        noise = rng.uniform(-1, 1, 16)
        if isinstance(part, Dot):
            return self._dot(part.place + complex(*noise[:2]) * self.unit)
        # A full circle has no ends: a random start keeps the seam from always being on the right.
        if isinstance(part, Arc) and part.sweep == math.tau:
            part = part._replace(start=part.start + math.pi * noise[15])
        steadiness = min(1.0, 0.3 + part.length / self.unit / 120)
        overshoot = 0.35 + noise[:2]
        reach = 2.8 * steadiness * self.unit / part.length * overshoot
        curve = self._wavering(part, noise[2:] * steadiness)
        return self._ink(curve, self._spans(part, -max(reach[0], -0.1), 1 + max(reach[1], -0.1)))

    def _wavering(self, part: Line | Arc, noise: Floats) -> Curve:
        """The part moved across its path by three waves and a drift, together less than 3 px."""
        lengths = _WAVE * np.array([1.0, 2.0, 3.6]) * np.exp(0.3 * noise[:3])
        rates = math.tau * part.length / self.unit / lengths
        heights = self.unit * np.array([0.55, 0.6, 0.6]) * (0.75 + 0.25 * noise[3:6])
        shift, drift = self.unit * 0.3 * noise[9], self.unit * 1.1 * noise[10]

        def curve(t: Floats) -> Points:
            waves = np.sin(t[:, None] * rates + 9 * noise[6:9]) @ heights
            across = waves + shift + drift * (2 * t - 1)
            return np.asarray(part.at(t) + part.normal(t) * across, np.complex128)

        return curve

    def _spans(self, part: Line | Arc, first: float, last: float) -> Floats:
        """The values of t along each dash, or along the undashed part: (dashes, values)."""
        length = part.length / self.unit
        if not part.is_dashed:
            return np.linspace(first, last, max(12, int(length / 2.5)))[None]
        starts = np.arange(first, last, _PERIOD / length)
        return np.minimum(starts[:, None] + np.linspace(0, _DASH / length, 4), last)

    def _ink(self, curve: Curve, spans: Floats) -> None:
        points = self._fixed(curve(spans.ravel())).reshape(*spans.shape, 2)
        # OpenCV fills one pixel beyond either edge of a thick line: a thickness of 3 draws 5.
        thickness = max(1, round(max(0.8, self.unit) * self._fine) - 2)
        cv2.polylines(self._paper, list(points), False, 0, thickness, cv2.LINE_8, _SHIFT)

    def _dot(self, place: complex) -> None:
        radius = round(max(1.0, 2.0 * self.unit) * self._fine * 2**_SHIFT)
        x, y = self._fixed(np.array([place]))[0].tolist()
        cv2.circle(self._paper, (x, y), radius, 0, cv2.FILLED, cv2.LINE_8, _SHIFT)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        """Pixel coordinates, whose centres are whole numbers, as OpenCV's fixed-point coordinates on the paper."""
        on_paper = points.view(np.float64).reshape(-1, 2) * self._fine + (self._fine - 1) / 2
        return np.asarray(np.rint(on_paper * 2**_SHIFT), np.int32)


def _xy(point: complex) -> Floats:
    return np.array([point.real, point.imag])
