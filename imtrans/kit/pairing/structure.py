"""Whether pictures show one scene: by the places and directions of their edges, whatever their colours are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from imtrans.kit.images.array import Array

SIDE = 48  # pixels to which pictures are brought: 2 % of a side may be out of register
FAR = 6  # pixels of displacement from which on a picture counts as another
QUARTER, EIGHTH = 4, 1 / 8  # own is in the best quarter of all partners, and the best eighth of displacements
CHANCE = 0.01  # probability of so many fits among pictures that have nothing to do with each other
FEW = 4  # pairs; of fewer, each must fit
CLEAR = 3.0  # standard deviations above the displaced ones
MAX_CHANNELS = 4
Maps = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How well the second pictures of some pairs fit their first ones.

    `partners`: how many are in the best quarter of all second pictures; `places`: how many fit better where they are
    than moved sideways, in seven of eight cases; `clear`: how many by far.
    """

    count: int
    partners: int
    places: int
    clear: int

    @property
    def is_evident(self) -> bool:
        """Whether chance explains neither number; of fewer than four pairs each must fit, and one of them clearly."""
        if self.count < FEW:
            return self.count == self.partners == self.places and self.clear > 0
        partner = _best(self.count) / self.count
        return max(_chance(self.partners, self.count, partner), _chance(self.places, self.count, EIGHTH)) <= CHANCE

    def __str__(self) -> str:
        return f"{min(self.partners, self.places)} of {self.count}"


def fit(first: Sequence[Array], second: Sequence[Array]) -> Fit:
    """How well the second pictures, (H, W, C) of any size and depth, fit the first ones of the same index.

    Edges that both have in one place and direction count; their strength, sign and colour do not. What a row has in
    common does not count either: photos that are cut in two share their horizon.
    """
    return fit_edges([edges(p) for p in first], [edges(p) for p in second])


def fit_edges(first: Sequence[Maps], second: Sequence[Maps]) -> Fit:
    """How well pictures fit of which these are the `edges`."""
    if not first:
        return Fit(count=0, partners=0, places=0, clear=0)
    ones, others = np.stack(first), np.stack(second)
    scores = ones.reshape(len(ones), -1) @ others.reshape(len(others), -1).T
    own = scores.diagonal()
    strangers = (scores > own[:, None] + 1e-5).sum(1)  # a picture that is there twice is no stranger
    moved = _moved(ones, others)[:, FAR : SIDE - FAR + 1]
    better = (moved >= own[:, None]).mean(1)
    return Fit(
        count=len(own),
        partners=int((strangers < _best(len(own))).sum()),
        places=int((better <= EIGHTH).sum()),
        clear=int((own > moved.mean(1) + CLEAR * moved.std(1)).sum()),
    )


def _best(count: int) -> int:
    """How many of so many pictures are the best quarter; at least the best one."""
    return max(1, count // QUARTER)


def _chance(hits: int, count: int, share: float) -> float:
    """The probability of at least so many hits, if each has this share."""
    return sum(math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(hits, count + 1))


def _moved(ones: Maps, others: Maps) -> Maps:
    """The scores (N, SIDE) of each pair with the second picture moved by so many pixels, what leaves comes back."""
    product = np.fft.rfft(ones, axis=-1) * np.conj(np.fft.rfft(others, axis=-1))
    return np.fft.irfft(product.sum((1, 2)), n=SIDE, axis=-1).astype(np.float32)


def edges(picture: Array) -> Maps:
    """Strength and doubled direction of the edges, (3, SIDE, SIDE), without what each row has in common, of length 1.

    The direction is doubled so that light on dark equals dark on light, as in the normalised gradient fields that
    register pictures of different modalities (Haber and Modersitzki 2006).
    """
    import cv2

    small = cv2.resize(picture[..., :MAX_CHANNELS].astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    small = small.reshape(SIDE, SIDE, -1)
    small = (small - small.min()) / max(float(np.ptp(small)), 1e-6)
    # The channel whose edge is strongest: colours of one brightness have edges, too.
    gradients = np.stack(
        [
            [cv2.Sobel(np.ascontiguousarray(c), cv2.CV_32F, *d) for d in ((1, 0), (0, 1))]
            for c in np.moveaxis(small, -1, 0)
        ]
    )
    strength = (gradients**2).sum(1)
    x, y = np.take_along_axis(gradients, strength.argmax(0)[None, None], 0)[0]
    power = strength.max(0)
    weight = power / (power + power.mean() + 1e-8)
    maps = np.stack([weight, weight * (x * x - y * y) / (power + 1e-9), weight * 2 * x * y / (power + 1e-9)])
    blurred = np.stack([cv2.GaussianBlur(m, (0, 0), 0.8) for m in maps])
    blurred -= blurred.mean(-1, keepdims=True)
    unit: Maps = (blurred / (np.sqrt((blurred**2).sum()) + 1e-9)).astype(np.float32)
    return unit
