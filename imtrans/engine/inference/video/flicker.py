"""How much neighbouring frames differ, and results that differ less."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

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

    def add(self, other: "Flicker | Mapping[str, float]") -> None:
        """Count the frames of another part of the film."""
        values = asdict(other) if isinstance(other, Flicker) else other
        for entry in fields(self):
            setattr(self, entry.name, getattr(self, entry.name) + values[entry.name])

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
            if self._steady:
                carried = motion.carried(self.result)
                result = np.rint(result + self._steady * motion.trust * (carried - result)).astype(np.uint8)
            self._measure(motion, self.source, self.result, source, result)
        self.source, self.result = source, result
        return result

    def _measure(self, motion: Motion, source: Array, result: Array, new_source: Array, new_result: Array) -> None:
        self.flicker.pairs += 1
        self.flicker.source_change += _distance(source, new_source)
        self.flicker.result_change += _distance(result, new_result)
        is_known = motion.trust[..., 0] > 0
        if is_known.any():
            self.flicker.steps += 1
            self.flicker.source_flicker += _distance(motion.carried(source)[is_known], new_source[is_known])
            self.flicker.result_flicker += _distance(motion.carried(result)[is_known], new_result[is_known])


def _distance(first: Array, second: Array) -> float:
    return float(np.abs(first.astype(np.float32) - second).mean())
