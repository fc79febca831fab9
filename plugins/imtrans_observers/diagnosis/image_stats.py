"""Statistics of sample images: how much predictions differ, how colourful they are, and which patterns they share."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imtrans.interfaces import Sample

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SIDE = 64  # pixels of a side that are enough to judge colours; larger images are subsampled to about that
LEAST_FIXED = 4  # of fewer pictures a region may be alike by chance
MARGIN = 0.1  # how far beyond all targets a pixel must lie, in [0, 1]
FLOOR = 1e-8  # power in [0, 1] squared below which there is no pattern: about that of rounding to 8 bits
END = 2  # grey levels from an end of the scale that count as the end


class ImageStats(NamedTuple):
    """Predictions compared with targets.

    `spread`: how far predictions differ from each other, as a share of how far targets do (1: as much);
    `colours`: the same of the colours of all pixels; `saturated`: the largest share of pixels at an end of a channel,
    beyond the share of the targets there; `fixed`: the share of pixels at which every prediction lies on the same side
    outside of what all targets have there; `grid`: the power at periods of 2 and 4 pixels, at which upsampling leaves
    its traces, as a multiple of the targets', and `peaks`: how far it stands out of the frequencies beside, as a
    multiple of the targets' again. The two `target_` values are the absolute ones, in [0, 1].
    """

    spread: float = 1.0
    colours: float = 1.0
    saturated: float = 0.0
    target_spread: float = 0.0
    target_colours: float = 0.0
    fixed: float = 0.0
    grid: float = 0.0
    peaks: float = 0.0

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
        fixed=_fixed(predictions, targets) if len(usable) >= LEAST_FIXED else 0.0,
        **_grid([s.prediction for s in usable], [s.target for s in usable if s.target is not None]),
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


def _fixed(predictions: "Array", targets: "Array") -> float:
    """The share of pixels where all predictions are darker, or all lighter, than every target in one channel."""
    above = predictions.min(axis=0) > targets.max(axis=0) + MARGIN
    below = predictions.max(axis=0) < targets.min(axis=0) - MARGIN
    return float((above | below).any(axis=-1).mean())


def _grid(predictions: "Sequence[Array]", targets: "Sequence[Array]") -> dict[str, float]:
    ours, theirs = _grid_power(predictions), _grid_power(targets)
    if ours is None or theirs is None or ours[0] < FLOOR:
        return {}
    return {"grid": ours[0] / max(theirs[0], FLOOR), "peaks": ours[1] / max(theirs[1], 1.0)}


def _grid_power(images: "Sequence[Array]") -> tuple[float, float] | None:
    """Power of grey values at the frequencies 1/4 and 1/2, in [0, 1] squared, and as a multiple of their neighbours'.

    None for images that are too small.
    """
    import numpy as np

    grey = np.stack([image.astype("float32").mean(axis=-1) / 255 for image in images])
    height, width = (n - n % 8 for n in grey.shape[1:])  # these frequencies are then exact bins
    if min(height, width) < 16:
        return None
    window = np.outer(np.hanning(height + 1)[:-1], np.hanning(width + 1)[:-1])
    planes = grey[:, :height, :width]
    spectrum = (np.abs(np.fft.fft2((planes - planes.mean(axis=(1, 2), keepdims=True)) * window)) ** 2).mean(axis=0)
    rows, columns = (0, height // 4, height // 2), (0, width // 4, width // 2, width - width // 4)
    places = [(row, column) for row in rows for column in columns if (row, column) != (0, 0)]
    powers = [float(spectrum[place]) for place in places]
    around = [_around(spectrum, *place) for place in places]
    least = FLOOR * (height * width) ** 2  # what rounding leaves stands out of nothing
    ratios = [power / max(beside, least) for power, beside in zip(powers, around, strict=True)]
    return sum(powers) / (height * width) ** 2, sum(ratios) / len(ratios)


def _around(spectrum: "Array", row: int, column: int) -> float:
    """The median power three bins away: a window spreads a peak over its two neighbours."""
    import numpy as np

    height, width = spectrum.shape
    ring = [(dr, dc) for dr in range(-3, 4) for dc in range(-3, 4) if max(abs(dr), abs(dc)) == 3]
    return float(np.median([spectrum[(row + dr) % height, (column + dc) % width] for dr, dc in ring]))
