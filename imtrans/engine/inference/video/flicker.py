"""How much neighbouring frames differ, and results that differ less."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import cv2
import numpy as np

from imtrans.engine.inference.video.motion import Motion
from imtrans.kit.images import Array


@dataclass
class Flicker:
    """Sums over the neighbouring frames of a film, of changes in grey levels of 255.

    `source_change` and `result_change` are means of |frame - frame before| over all values; `source_flicker` and
    `result_flicker` means of |frame - frame before, moved with the source| over the points that were there before,
    in the pairs (`steps` of all `pairs`) that are no cut.
    """

    pairs: int = 0
    steps: int = 0
    source_change: float = 0.0
    result_change: float = 0.0
    source_flicker: float = 0.0
    result_flicker: float = 0.0

    def add(self, sums: Mapping[str, float]) -> None:
        """Count the frames of another part of the film, of which these are the sums by name."""
        for entry in fields(self):
            setattr(self, entry.name, getattr(self, entry.name) + sums[entry.name])

    def lines(self) -> list[str]:
        """The means in words, a line each; nothing for a single frame."""
        rows = [
            ("change between neighbouring frames", self.source_change, self.result_change, self.pairs),
            ("flicker (that change where the source only moved)", self.source_flicker, self.result_flicker, self.steps),
        ]
        return [_line(text, source / count, result / count) for text, source, result, count in rows if count]


def _line(text: str, source: float, result: float) -> str:
    ratio = f", {result / source:.2f} times" if source else ""
    return f"{text}: source {source:.2f}, result {result:.2f} levels of 255{ratio}"


class Steadier:
    """Results of neighbouring frames, blended where the source only moved.

    `steady` is the share, from 0 to 1, that the frame before has where the flow is trusted most. `source` and `result`
    are the last frame's, uint8 (H, W, 3), and None before the first one.
    """

    def __init__(self, steady: float, *, source: Array | None = None, result: Array | None = None) -> None:
        self._steady, self.source, self.result = steady, source, result
        self.flicker = Flicker()

    def steadied(self, source: Array, result: Array) -> Array:
        """The result of the next frame, as it is written."""
        if self.source is not None and self.result is not None:
            motion = Motion(self.source, source)
            carried = motion.carried(self.result)
            if self._steady:
                result = np.rint(result + self._steady * motion.trust * (carried - result)).astype(np.uint8)
            self.flicker.pairs += 1
            self.flicker.source_change += _distance(self.source, source)
            self.flicker.result_change += _distance(self.result, result)
            is_known = (motion.trust > 0).astype(np.uint8)
            if is_known.any():
                self.flicker.steps += 1
                self.flicker.source_flicker += _distance(motion.source, source, where=is_known)
                self.flicker.result_flicker += _distance(carried, result, where=is_known)
        self.source, self.result = source, result
        return result


def _distance(first: Array, second: Array, *, where: Array | None = None) -> float:
    """The mean of |first - second| over all values, or those of the points that are 1."""
    second = second.astype(first.dtype)
    points = first[..., 0].size if where is None else int(np.count_nonzero(where))
    total = float(cv2.norm(first, second, cv2.NORM_L1, where))
    return total / (points * int(first.shape[-1]))
