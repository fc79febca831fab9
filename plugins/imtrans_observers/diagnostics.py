"""The coach: one verdict in plain words over a run, from what it logged and what its samples look like."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from imtrans.interfaces import Run, Sample
from imtrans.kit.report import metric_history
from imtrans.kit.report.metric_history import HEALTH, History
from imtrans_observers.image_stats import Look, look_at

ACCURACY, WAITING, SKIPPED = f"{HEALTH}accuracy", f"{HEALTH}waiting", f"{HEALTH}skipped"
GRADIENT, LR = f"{HEALTH}gradient.", f"{HEALTH}lr."


class Threshold(NamedTuple):
    """A bound, and why it lies there."""

    value: float
    reason: str


# Measured figures: the toy set, 32 px, depth 4, width 8, 300 steps of 4 pictures; "well" is the recipe with bce, hinge
# or lsgan. Each illness was made on purpose, and tests/plugins/test_coach_runs.py makes it again.
THRESHOLDS: Mapping[str, Threshold] = {
    "lines": Threshold(8, "fewer lines hold no trend: a third of them is then two"),
    "steps": Threshold(200, "before that a well run looks ill: at step 60 predictions differ by 0.16, at 300 by 0.58"),
    "tail": Threshold(1 / 3, "share of the run that is judged: its beginning says nothing of how it ends"),
    "skipped": Threshold(0.002, "share of steps left out as not finite; at 0.01 the engine goes back to a checkpoint"),
    "rising": Threshold(0.25, "growth of the distance to the target within the tail; noise stays below 0.1"),
    "sure": Threshold(0.99, "accuracy of D that is done by itself: well at most 0.96 (64 px), with a resting G 1.0"),
    "winning": Threshold(0.9, "accuracy of D, with the next row: D's rate 100 times too high gives 0.93"),
    "ratio": Threshold(15, "gradient of G over D's: well 2.5 to 8, also where D is 0.96 sure; D's rate too high: 33"),
    "saturated": Threshold(0.3, "share of pixels at an end of a channel, beyond the targets' own: well 0, ill 0.99"),
    "same": Threshold(0.2, "spread between predictions over that between targets: well 0.58, a mean picture 0.02-0.06"),
    "grey": Threshold(0.25, "spread of colours over the targets': well 0.78; half of that is still pale, not grey"),
    "coloured": Threshold(0.03, "spread of the targets below which they are all alike, or grey, and tell nothing"),
    "waiting": Threshold(0.4, "share of time waiting for data: mending it makes the run at least 1.6 times as fast"),
}


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """How a run does: a name, a sentence with the figures behind it, and one thing to try (empty where all is well)."""

    name: str
    sentence: str
    hint: str = ""

    @property
    def is_early(self) -> bool:
        return self.name == EARLY

    @property
    def line(self) -> str:
        return f"{self.name}: {self.sentence}" + (f" To try: {self.hint}" if self.hint else "")


HEALTHY, EARLY = "healthy", "too early to tell"
UNSTABLE, WINS, MEAN = "unstable", "D wins", "G copies the mean"
COLLAPSED, STARVED = "colours collapsed", "starved by the loader"


def judge(past: History, look: Look | None = None) -> Diagnosis:
    """The gravest fault that shows. What spoils the result comes before what only costs time."""
    lines = len(past.column(_any_loss(past)).steps)
    if lines < _bound("lines") or past.step < _bound("steps"):
        least = f"{_bound('steps'):.0f} steps and {_bound('lines'):.0f} lines of log"
        return Diagnosis(name=EARLY, sentence=f"step {past.step:,}, {lines} logged; the least is {least}.")
    return next(_faults(past, look), None) or _healthy(past, look)


def _faults(past: History, look: Look | None) -> Iterator[Diagnosis]:
    for found in (_unstable(past), _saturated(past, look), _wins(past), _copies(look), _grey(look), _starved(past)):
        if found:
            yield found


def _unstable(past: History) -> Diagnosis | None:
    skipped = past.last("train").get(SKIPPED, 0.0)
    rate = past.last("train").get(f"{LR}generator") or max(
        (v for k, v in past.last("train").items() if k.startswith(LR)), default=0.0
    )
    lower = f"--lr {rate / 2:.2g}" if rate else "a lower --lr"
    if skipped / past.step > _bound("skipped"):
        told = f"{skipped:.0f} of {past.step:,} steps were left out because a number in them was not finite."
        return Diagnosis(name=UNSTABLE, sentence=told, hint=lower)
    for name in _distances(past):
        growth = trend(past.column(name).tail(_bound("tail")))
        if growth > _bound("rising"):
            told = f"the loss {name!r} grew by {growth:.0%} in the last third of the run."
            return Diagnosis(name=UNSTABLE, sentence=told, hint=lower)
    return None


def _wins(past: History) -> Diagnosis | None:
    accuracy, ratio = recent(past, ACCURACY), gradient_ratio(past)
    is_done = accuracy >= _bound("winning") and ratio >= _bound("ratio")
    if not (accuracy >= _bound("sure") or is_done):
        return None
    rate = past.last("train").get(f"{LR}discriminator", 0.0)
    beside = f", and its gradient is {ratio:.0f} times shorter than G's" if ratio >= _bound("ratio") else ""
    told = f"D tells {accuracy:.0%} of the patches right{beside}: G learns little from it."
    key = "--set train.optimizer.discriminator.lr="
    return Diagnosis(name=WINS, sentence=told, hint=f"{key}{rate / 4:.2g}" if rate else "a weaker discriminator")


def _saturated(past: History, look: Look | None) -> Diagnosis | None:
    if not look or look.saturated < _bound("saturated"):
        return None
    told = f"{look.saturated:.0%} of the predicted pixels lie at the end of a channel, where the targets' do not."
    rate = past.last("train").get(f"{LR}generator", 0.0)
    lower = f"--set train.optimizer.generator.lr={rate / 4:.2g}" if rate else "a lower --lr"
    return Diagnosis(name=COLLAPSED, sentence=told, hint=lower)


def _copies(look: Look | None) -> Diagnosis | None:
    if not look or look.target_spread < _bound("coloured") or look.spread >= _bound("same"):
        return None
    told = f"the predictions differ from each other by {look.spread:.0%} of what the targets do."
    return Diagnosis(name=MEAN, sentence=told, hint="a wider generator that sees its input: --set generator.width=64")


def _grey(look: Look | None) -> Diagnosis | None:
    if not look or look.target_colours < _bound("coloured") or look.colours >= _bound("grey"):
        return None
    told = f"the predictions have {look.colours:.0%} of the targets' spread of colours."
    return Diagnosis(
        name=COLLAPSED, sentence=told, hint="more weight for the judge of colours: --set adversarial.weight=5"
    )


def _starved(past: History) -> Diagnosis | None:
    share = recent(past, WAITING)
    if not share >= _bound("waiting"):
        return None
    told = f"{share:.0%} of the time was spent waiting for pictures."
    return Diagnosis(name=STARVED, sentence=told, hint="processes that load ahead: --workers 4")


def _healthy(past: History, look: Look | None) -> Diagnosis:
    accuracy, share, growth = recent(past, ACCURACY), recent(past, WAITING), _growth(past)
    told = [
        f"D tells {accuracy:.0%} of the patches right" if math.isfinite(accuracy) else "",
        f"the distance to the target changed by {growth:+.0%} in the last third" if math.isfinite(growth) else "",
        f"predictions differ by {look.spread:.0%} of what targets do" if look and look.has_targets else "",
        f"{share:.0%} of the time went into waiting for pictures" if math.isfinite(share) else "",
    ]
    return Diagnosis(name=HEALTHY, sentence=(", ".join(t for t in told if t) or "nothing speaks against it") + ".")


def recent(past: History, name: str) -> float:
    """The mean of a column over the tail of the run; NaN if it is not there."""
    values = past.column(name).tail(_bound("tail"))
    return statistics.fmean(values) if values else math.nan


def gradient_ratio(past: History) -> float:
    """How many times longer G's gradient is than D's, by the medians of the tail; NaN where one is not there."""
    sides = [past.column(f"{GRADIENT}{n}").tail(_bound("tail")) for n in ("generator", "discriminator")]
    if not all(sides):
        return math.nan
    generator, discriminator = (statistics.median(side) for side in sides)
    return generator / discriminator if discriminator else math.inf


def trend(values: Sequence[float]) -> float:
    """The change from the first half's median to the second's, as a share of the first's; NaN for fewer than four."""
    if len(values) < 4:
        return math.nan
    half = len(values) // 2
    first, second = statistics.median(values[:half]), statistics.median(values[half:])
    return (second - first) / abs(first) if first else math.nan


@dataclass
class Coach:
    """Follows one run, from what earlier processes of it wrote."""

    past: History = field(default_factory=History)
    look: Look | None = None
    looked_at: int = 0

    @classmethod
    def of(cls, run: Run) -> "Coach":
        """With what a run that goes on has behind it; a new run has nothing."""
        return cls.read(run.folder, until=run.start) if run.start else cls()

    @classmethod
    def read(cls, folder: Path, *, until: int | None = None) -> "Coach":
        """With what lies in a run folder, up to a step."""
        from imtrans.kit.report import samples

        past = metric_history.read(folder)
        if until is not None:
            past.cut(until)
        shown = next(
            (s for step, p in reversed(samples.grids(folder).items()) if step <= past.step and (s := samples.load(p))),
            None,
        )
        return cls(past, look_at(shown.samples) if shown else None, shown.step if shown else 0)

    def logged(self, step: int, values: Mapping[str, float], *, time: float | None = None) -> None:
        self.past.add("train", step, values, time=time)
        if self.looked_at > step:
            self.look, self.looked_at = None, 0

    def evaluated(self, step: int, metrics: Mapping[str, float], shown: Sequence[Sample]) -> None:
        self.past.add("val", step, metrics)
        usual = [s for s in shown if not s.is_worst]
        if usual:
            self.look, self.looked_at = look_at(usual), step

    def verdict(self) -> Diagnosis:
        return judge(self.past, self.look)


def _bound(name: str) -> float:
    return THRESHOLDS[name].value


def _any_loss(past: History) -> str:
    return next(iter(past.losses()), "")


def _distances(past: History) -> list[str]:
    """The losses that ought to fall. Those of the two players do not: they balance each other."""
    return [n for n in past.losses() if n not in ("discriminator", "adversarial")]


def _growth(past: History) -> float:
    return next((trend(past.column(n).tail(_bound("tail"))) for n in _distances(past)), math.nan)
