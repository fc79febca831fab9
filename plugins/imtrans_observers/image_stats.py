"""What sample pictures look like as a whole, in a few numbers: whether they differ, and in which colours."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imtrans.interfaces import Sample

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SIDE = 64  # pixels that are enough to see colours; larger pictures are thinned to about that
END = 2  # grey levels from an end of the scale that count as the end


class Look(NamedTuple):
    """Predictions beside targets.

    `spread`: how far predictions differ from each other, as a share of how far targets do (1: as much);
    `colours`: the same of the colours of all pixels; `saturated`: the largest share of pixels at an end of a channel,
    beyond the share of the targets there. The two `target_` values are the absolute ones, in [0, 1].
    """

    spread: float = 1.0
    colours: float = 1.0
    saturated: float = 0.0
    target_spread: float = 0.0
    target_colours: float = 0.0

    @property
    def has_targets(self) -> bool:
        return self.target_spread > 0


def look_at(samples: Sequence[Sample]) -> Look | None:
    """The numbers of some samples; None where there are fewer than two with targets, or of different sizes."""
    import numpy as np

    whole = [s for s in samples if s.target is not None and s.target.shape == s.prediction.shape]
    if len(whole) < 2 or len({s.prediction.shape for s in whole}) > 1:
        return None
    predictions = np.stack([_small(s.prediction) for s in whole])
    targets = np.stack([_small(s.target) for s in whole if s.target is not None])
    return Look(
        spread=_share(_spread(predictions), _spread(targets)),
        colours=_share(_colours(predictions), _colours(targets)),
        saturated=float((_at_ends(predictions) - _at_ends(targets)).max()),
        target_spread=_spread(targets),
        target_colours=_colours(targets),
    )


def _small(picture: "Array") -> "Array":
    step = max(1, min(picture.shape[:2]) // SIDE)
    thinned: Array = picture[::step, ::step].astype("float32") / 255
    return thinned


def _spread(pictures: "Array") -> float:
    """How far a pixel varies from picture to picture, on average."""
    return float(pictures.std(axis=0).mean())


def _colours(pictures: "Array") -> float:
    """The spread of the two differences between channels, over all pixels: 0 for grey ones, or for one tint."""
    red, green, blue = (pictures[..., c] for c in range(3))
    return math.sqrt((red - green).var() + (green - blue).var())


def _at_ends(pictures: "Array") -> "Array":
    """(3, 2): the share of pixels at the lower and the upper end of each channel."""
    import numpy as np

    low, high = pictures <= END / 255, pictures >= 1 - END / 255
    return np.stack([end.mean(axis=tuple(range(pictures.ndim - 1))) for end in (low, high)], axis=1)


def _share(value: float, of: float) -> float:
    return value / of if of else 1.0
