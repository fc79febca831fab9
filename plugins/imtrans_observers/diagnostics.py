"""Rules that diagnose a run in plain words, from what it logged and from the statistics of its samples."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from imtrans.kit.report.metric_history import HEALTH, History
from imtrans_observers.image_stats import ImageStats

ACCURACY, WAITING, SKIPPED = f"{HEALTH}accuracy", f"{HEALTH}waiting", f"{HEALTH}skipped"
GRADIENT, LR = f"{HEALTH}gradient.", f"{HEALTH}lr."


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
}


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The state of a run: a name, a sentence with its figures, and one thing to try (empty for a healthy run)."""

    name: str
    sentence: str
    hint: str = ""

    @property
    def is_early(self) -> bool:
        """Whether too little is logged for a diagnosis."""
        return self.name == EARLY

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.name}: {self.sentence}" + (f" To try: {self.hint}" if self.hint else "")


HEALTHY, EARLY = "healthy", "too early to tell"
UNSTABLE, WINS, MEAN = "unstable", "D wins", "G copies the mean"
COLLAPSED, STARVED = "colours collapsed", "starved by the loader"


def diagnose(history: History, stats: ImageStats | None = None) -> Diagnosis:
    """The worst fault that shows. Faults that spoil the result come before those that only cost time."""
    lines = len(history.column(next(iter(history.losses()), "")).steps)
    if lines < _bound("lines") or history.step < _bound("steps"):
        least = f"{_bound('steps'):.0f} steps and {_bound('lines'):.0f} lines of log"
        return Diagnosis(name=EARLY, sentence=f"step {history.step:,}, {lines} logged; the least is {least}.")
    return next(_faults(history, stats), None) or _healthy(history, stats)


def _faults(history: History, stats: ImageStats | None) -> Iterator[Diagnosis]:
    checks = (
        _unstable(history),
        _saturated(history, stats) if stats else None,
        _discriminator_wins(history),
        _copies_mean(stats) if stats else None,
        _grey(stats) if stats else None,
        _starved(history),
    )
    return (fault for fault in checks if fault)


def _unstable(history: History) -> Diagnosis | None:
    logged = history.last("train")
    skipped = logged.get(SKIPPED, 0.0)
    # A method may have no network called generator; its highest rate is then the one to lower.
    lr = logged.get(f"{LR}generator") or max((v for k, v in logged.items() if k.startswith(LR)), default=0.0)
    hint = f"--lr {lr / 2:.2g}" if lr else "a lower --lr"
    if skipped / history.step > _bound("skipped"):
        sentence = f"{skipped:.0f} of {history.step:,} steps were left out because a number in them was not finite."
        return Diagnosis(name=UNSTABLE, sentence=sentence, hint=hint)
    for name in _distances(history):
        growth = trend(history.column(name).tail(_bound("tail")))
        if growth > _bound("rising"):
            sentence = f"the loss {name!r} grew by {growth:.0%} in the last third of the run."
            return Diagnosis(name=UNSTABLE, sentence=sentence, hint=hint)
    return None


def _discriminator_wins(history: History) -> Diagnosis | None:
    accuracy, ratio = recent(history, ACCURACY), gradient_ratio(history)
    # Accuracy alone is no fault below "sure": a well run reaches 0.96 while G still gets a gradient.
    has_vanished = ratio >= _bound("ratio")
    if not (accuracy >= _bound("sure") or (accuracy >= _bound("winning") and has_vanished)):
        return None
    gradient = f", and its gradient is {ratio:.0f} times shorter than G's" if has_vanished else ""
    sentence = f"D classifies {accuracy:.0%} of the patches correctly{gradient}: G learns little from it."
    return Diagnosis(name=WINS, sentence=sentence, hint=_lower_lr(history, "discriminator", "a weaker discriminator"))


def _saturated(history: History, stats: ImageStats) -> Diagnosis | None:
    if stats.saturated < _bound("saturated"):
        return None
    sentence = f"{stats.saturated:.0%} of the predicted pixels lie at the end of a channel, where the targets' do not."
    return Diagnosis(name=COLLAPSED, sentence=sentence, hint=_lower_lr(history, "generator", "a lower --lr"))


def _copies_mean(stats: ImageStats) -> Diagnosis | None:
    if stats.target_spread < _bound("coloured") or stats.spread >= _bound("same"):
        return None
    sentence = f"the predictions differ from each other by {stats.spread:.0%} of what the targets do."
    hint = "a wider generator that sees its input: --set generator.width=64"
    return Diagnosis(name=MEAN, sentence=sentence, hint=hint)


def _grey(stats: ImageStats) -> Diagnosis | None:
    if stats.target_colours < _bound("coloured") or stats.colours >= _bound("grey"):
        return None
    sentence = f"the predictions have {stats.colours:.0%} of the targets' spread of colours."
    hint = "more weight for the discriminator's loss: --set adversarial.weight=5"
    return Diagnosis(name=COLLAPSED, sentence=sentence, hint=hint)


def _starved(history: History) -> Diagnosis | None:
    share = recent(history, WAITING)
    if not share >= _bound("waiting"):  # not "<": NaN, for a run that does not log it, is no fault
        return None
    sentence = f"{share:.0%} of the time was spent waiting for data."
    return Diagnosis(name=STARVED, sentence=sentence, hint="processes that load ahead: --workers 4")


def _healthy(history: History, stats: ImageStats | None) -> Diagnosis:
    accuracy, share = recent(history, ACCURACY), recent(history, WAITING)
    growth = next((trend(history.column(n).tail(_bound("tail"))) for n in _distances(history)), math.nan)
    figures = [
        f"D classifies {accuracy:.0%} of the patches correctly" if math.isfinite(accuracy) else "",
        f"the distance to the target changed by {growth:+.0%} in the last third" if math.isfinite(growth) else "",
        f"predictions differ by {stats.spread:.0%} of what targets do" if stats and stats.has_targets else "",
        f"{share:.0%} of the time went into waiting for data" if math.isfinite(share) else "",
    ]
    return Diagnosis(name=HEALTHY, sentence=(", ".join(f for f in figures if f) or "no fault was found") + ".")


def recent(history: History, name: str) -> float:
    """The mean of a column over the tail of the run; NaN if it was not logged."""
    values = history.column(name).tail(_bound("tail"))
    return statistics.fmean(values) if values else math.nan


def gradient_ratio(history: History) -> float:
    """How many times longer G's gradient is than D's, by the medians of the tail; NaN if one was not logged."""
    lengths = [history.column(f"{GRADIENT}{n}").tail(_bound("tail")) for n in ("generator", "discriminator")]
    if not all(lengths):
        return math.nan
    generator, discriminator = (statistics.median(values) for values in lengths)
    return generator / discriminator if discriminator else math.inf


def trend(values: Sequence[float]) -> float:
    """The change from the first half's median to the second's, as a share of the first's; NaN for fewer than four."""
    if len(values) < 4:
        return math.nan
    # Medians: one spike is not a trend.
    half = len(values) // 2
    first, second = statistics.median(values[:half]), statistics.median(values[half:])
    return (second - first) / abs(first) if first else math.nan


def _bound(name: str) -> float:
    return THRESHOLDS[name].value


def _distances(history: History) -> list[str]:
    """The losses that should fall. Those of generator and discriminator do not: they balance each other."""
    return [n for n in history.losses() if n not in ("discriminator", "adversarial")]


def _lower_lr(history: History, network: str, otherwise: str) -> str:
    lr = history.last("train").get(f"{LR}{network}", 0.0)
    return f"--set train.optimizer.{network}.lr={lr / 4:.2g}" if lr else otherwise
