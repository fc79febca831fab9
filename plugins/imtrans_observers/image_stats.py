"""Statistics of sample images: how much predictions differ from each other, and how colourful they are."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imtrans.interfaces import Sample

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SIDE = 64  # pixels of a side that are enough to judge colours; larger images are subsampled to about that
END = 2  # grey levels from an end of the scale that count as the end


class ImageStats(NamedTuple):
    """Predictions compared with targets.

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
        """Whether the targets differ, so that the shares mean something."""
        return self.target_spread > 0


def image_stats(samples: Sequence[Sample]) -> ImageStats | None:
    """The statistics of some samples; None where fewer than two have targets, or their sizes differ."""
    # Imported here: every command loads the observers, also those that need no numpy.
    import numpy as np

    usable = [s for s in samples if s.target is not None and s.target.shape == s.prediction.shape]
    if len(usable) < 2 or len({s.prediction.shape for s in usable}) > 1:
        return None
    predictions = np.stack([_subsampled(s.prediction) for s in usable])
    targets = np.stack([_subsampled(s.target) for s in usable if s.target is not None])
    return ImageStats(
        spread=_share(_spread(predictions), _spread(targets)),
        colours=_share(_colours(predictions), _colours(targets)),
        saturated=float((_at_ends(predictions) - _at_ends(targets)).max()),
        target_spread=_spread(targets),
        target_colours=_colours(targets),
    )


def _subsampled(image: "Array") -> "Array":
    step = max(1, min(image.shape[:2]) // SIDE)
    pixels: Array = image[::step, ::step].astype("float32") / 255
    return pixels


def _spread(images: "Array") -> float:
    """How far a pixel varies from image to image, on average."""
    return float(images.std(axis=0).mean())


def _colours(images: "Array") -> float:
    """The spread of the two differences between channels, over all pixels: 0 for grey images, or for one tint."""
    # Differences of channels: brightness cancels out, colour stays.
    red, green, blue = (images[..., c] for c in range(3))
    return math.sqrt((red - green).var() + (green - blue).var())


def _at_ends(images: "Array") -> "Array":
    """(3, 2): the share of pixels at the lower and the upper end of each channel."""
    import numpy as np

    low, high = images <= END / 255, images >= 1 - END / 255
    return np.stack([end.mean(axis=tuple(range(images.ndim - 1))) for end in (low, high)], axis=1)


def _share(value: float, reference: float) -> float:
    return value / reference if reference else 1.0
