"""Faults of the training that show in its log."""

import math
import os
import statistics
from collections.abc import Sequence

from imtrans.kit.report.metric_history import HEALTH, History
from imtrans_observers.diagnosis.records import Diagnosis, RunFacts
from imtrans_observers.diagnosis.thresholds import bound

ACCURACY, WAITING, SKIPPED = f"{HEALTH}accuracy", f"{HEALTH}waiting", f"{HEALTH}skipped"
GRADIENT, LR = f"{HEALTH}gradient.", f"{HEALTH}lr."
UNSTABLE, WINS, STARVED = "unstable", "D wins", "starved by the loader"


def unstable(history: History) -> Diagnosis | None:
    """Steps were left out as not finite, or a distance to the target grows."""
    logged = history.last("train")
    skipped = logged.get(SKIPPED, 0.0)
    # A method may have no network called generator; its highest rate is then the one to lower.
    lr = logged.get(f"{LR}generator") or max((v for k, v in logged.items() if k.startswith(LR)), default=0.0)
    hint = f"--lr {lr / 2:.2g}" if lr else "a lower --lr"
    if skipped / history.step > bound("skipped"):
        sentence = f"{skipped:.0f} of {history.step:,} steps were left out because a number in them was not finite."
        return Diagnosis(name=UNSTABLE, sentence=sentence, hint=hint)
    for name in distances(history):
        growth = trend(history.column(name).tail(bound("tail")))
        if growth > bound("rising"):
            sentence = f"the loss {name!r} grew by {growth:.0%} in the last third of the run."
            return Diagnosis(name=UNSTABLE, sentence=sentence, hint=hint)
    return None


def discriminator_wins(history: History) -> Diagnosis | None:
    """The discriminator is so sure that the generator learns nothing from it."""
    accuracy, ratio = recent(history, ACCURACY), gradient_ratio(history)
    # Accuracy alone is no fault below "sure": a well run reaches 0.96 while G still gets a gradient.
    has_vanished = ratio >= bound("ratio")
    if not (accuracy >= bound("sure") or (accuracy >= bound("winning") and has_vanished)):
        return None
    gradient = f", and its gradient is {ratio:.0f} times shorter than G's" if has_vanished else ""
    sentence = f"D classifies {accuracy:.0%} of the patches correctly{gradient}: G learns little from it."
    return Diagnosis(name=WINS, sentence=sentence, hint=lower_lr(history, "discriminator", "a weaker discriminator"))


def starved(history: History, facts: RunFacts) -> Diagnosis | None:
    """Training waits for its data."""
    share = recent(history, WAITING)
    if not share >= bound("waiting"):  # not "<": NaN, for a run that does not log it, is no fault
        return None
    sentence = f"{share:.0%} of the time was spent waiting for data."
    return Diagnosis(name=STARVED, sentence=sentence, hint=_faster_loading(facts))


def _faster_loading(facts: RunFacts) -> str:
    workers, cores = facts.values.get("data.workers"), os.cpu_count() or 1
    more = min(cores, max(4, 2 * workers)) if isinstance(workers, int) else cores
    if not isinstance(workers, int) or more > workers:
        return f"processes that load ahead: --workers {more}"
    if facts.values.get("data.cache") != "on":
        return "decoded pictures kept on the disk: --set data.cache=on"
    return "pictures that are stored at the size of training"


def recent(history: History, name: str) -> float:
    """The mean of a column over the tail of the run; NaN if it was not logged."""
    values = history.column(name).tail(bound("tail"))
    return statistics.fmean(values) if values else math.nan


def gradient_ratio(history: History) -> float:
    """How many times longer G's gradient is than D's, by the medians of the tail; NaN if one was not logged."""
    lengths = [history.column(f"{GRADIENT}{n}").tail(bound("tail")) for n in ("generator", "discriminator")]
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


def distances(history: History) -> list[str]:
    """The losses that should fall. Those of generator and discriminator do not: they balance each other."""
    return [n for n in history.losses() if n not in ("discriminator", "adversarial")]


def lower_lr(history: History, network: str, otherwise: str) -> str:
    """`--set` with a quarter of a network's learning rate, as it was last; `otherwise` where that is not logged."""
    lr = history.last("train").get(f"{LR}{network}", 0.0)
    return f"--set train.optimizer.{network}.lr={lr / 4:.2g}" if lr else otherwise
