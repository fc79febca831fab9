"""The diagnosis of a run in plain words, from its log, its samples and its configuration."""

import math
from collections.abc import Iterator

from imtrans.kit.report.metric_history import History
from imtrans_observers.diagnosis.image_stats import ImageStats
from imtrans_observers.diagnosis.log_faults import (
    ACCURACY,
    WAITING,
    discriminator_wins,
    distances,
    recent,
    starved,
    trend,
    unstable,
)
from imtrans_observers.diagnosis.picture_faults import picture_faults, saturated
from imtrans_observers.diagnosis.records import EARLY, HEALTHY, Diagnosis, RunFacts
from imtrans_observers.diagnosis.result_faults import gap, result_faults
from imtrans_observers.diagnosis.thresholds import bound

__all__ = ["Diagnosis", "RunFacts", "diagnose"]


def diagnose(history: History, stats: ImageStats | None = None, facts: RunFacts | None = None) -> Diagnosis:
    """The worst fault that shows. Faults that spoil the result come before those that only cost time."""
    facts = facts or RunFacts()
    lines = len(history.column(next(iter(history.losses()), "")).steps)
    if lines < bound("lines") or history.step < bound("steps"):
        least = f"{bound('steps'):.0f} steps and {bound('lines'):.0f} lines of log"
        sentence = f"step {history.step:,}, {lines} logged; the least is {least}."
        return Diagnosis(name=EARLY, sentence=sentence, hint=facts.longer if history.step >= facts.steps else "")
    return next(_faults(history, stats, facts), None) or _healthy(history, stats, facts)


def _faults(history: History, stats: ImageStats | None, facts: RunFacts) -> Iterator[Diagnosis]:
    first = (unstable(history), saturated(history, stats) if stats else None, discriminator_wins(history))
    yield from (fault for fault in first if fault)
    if stats:
        yield from picture_faults(history, stats, facts)
    yield from result_faults(history, facts)
    if fault := starved(history, facts):
        yield fault


def _healthy(history: History, stats: ImageStats | None, facts: RunFacts) -> Diagnosis:
    accuracy, share, (name, ratio) = recent(history, ACCURACY), recent(history, WAITING), gap(history, facts)
    distance = next(iter(distances(history)), "")
    growth = trend(history.column(distance).tail(bound("tail"))) if distance else math.nan
    what = "the distance to the target" if facts.is_paired else f"the loss {distance!r}"
    figures = [
        f"D classifies {accuracy:.0%} of the patches correctly" if math.isfinite(accuracy) else "",
        f"{what} changed by {growth:+.0%} in the last third" if math.isfinite(growth) else "",
        f"predictions differ by {stats.spread:.0%} of what targets do" if stats and stats.has_targets else "",
        f"{name} on validation pictures is {ratio:.1f} times that on training pictures" if math.isfinite(ratio) else "",
        f"{share:.0%} of the time went into waiting for data" if math.isfinite(share) else "",
    ]
    return Diagnosis(name=HEALTHY, sentence=(", ".join(f for f in figures if f) or "no fault was found") + ".")
