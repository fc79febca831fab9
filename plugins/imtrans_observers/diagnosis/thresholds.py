"""The bounds of the diagnoses, each with the reason for its value."""

from collections.abc import Mapping
from typing import NamedTuple


class Threshold(NamedTuple):
    """A bound, and the reason for its value."""

    value: float
    reason: str


# Measured on the toy set, 32 px, depth 4, width 8, 300 steps of 4 images; "well" is the recipe with bce, hinge or
# lsgan. Each fault was produced on purpose; tests/plugins/observers/test_diagnostics_of_runs.py repeats that.
THRESHOLDS: Mapping[str, Threshold] = {
    "lines": Threshold(8, "fewer lines hold no trend: a third of them is then two"),
    "steps": Threshold(200, "before that a well run looks ill: at step 60 predictions differ by 0.16, at 300 by 0.58"),
    "tail": Threshold(1 / 3, "share of the run that is diagnosed: its beginning does not predict how it ends"),
    "skipped": Threshold(0.002, "share of non-finite steps; at 0.01 the engine rolls back to a checkpoint"),
    "rising": Threshold(0.25, "growth of the distance to the target within the tail; noise stays below 0.1"),
    "sure": Threshold(0.99, "accuracy of D that is enough by itself: well at most 0.96 (64 px), with a frozen G 1.0"),
    "winning": Threshold(0.9, "accuracy of D, with the next row: D's rate 100 times too high gives 0.93"),
    "ratio": Threshold(15, "gradient of G over D's: well 2.5 to 8, also where D is 0.96 sure; D's rate too high: 33"),
    "saturated": Threshold(0.3, "share of pixels at an end of a channel, beyond that of the targets: well 0, ill 0.99"),
    "same": Threshold(0.2, "spread between predictions over that between targets: well 0.58, a mean image 0.02-0.06"),
    "grey": Threshold(0.25, "spread of colours over the targets': well 0.78; half of that is still pale, not grey"),
    "coloured": Threshold(0.03, "spread of the targets below which they are all equal or grey: no comparison possible"),
    "waiting": Threshold(0.4, "share of time waiting for data: without it the run is at least 1.6 times as fast"),
    "blob": Threshold(0.01, "share of pixels where all predictions leave the range of all targets: well 0"),
    "grid": Threshold(
        1.0, "power of predictions at the periods 2 and 4 over the targets': well 0.05-0.6, without L1 2.7"
    ),
    "peaks": Threshold(5.0, "how far it stands out of other frequencies, over the targets': well 1-2, without L1 28"),
    "gap": Threshold(2.0, "distance on validation pictures over that on training pictures: well 1.1, by heart 3"),
    "apart": Threshold(1.5, "the same where a model is of no use: with partners exchanged 1.9"),
    "pairs": Threshold(30, "fewer pairs do not stand for a subject; and of 30, three are held out"),
    "falling": Threshold(0.25, "fall of the validation distance within the tail: a run that could go on well"),
}


def bound(name: str) -> float:
    """The value of a threshold."""
    return THRESHOLDS[name].value
