"""Faults of the result: what it is worth beside the mean image, on pictures that it knows, and from how much data."""

import math
from collections.abc import Iterator

from imtrans.kit.report.metric_history import BASELINE, ON_TRAINING, History
from imtrans_observers.diagnosis.log_faults import trend
from imtrans_observers.diagnosis.records import Diagnosis, RunFacts
from imtrans_observers.diagnosis.thresholds import bound

WORSE, BY_HEART, UNFINISHED = "worse than the mean image", "learned by heart", "not finished"


def result_faults(history: History, facts: RunFacts) -> Iterator[Diagnosis]:
    """The faults of the result, the worst first."""
    yield from _worse_than_mean(history, facts)
    if 0 < facts.pairs < bound("pairs"):
        kind = "pairs" if facts.is_paired else "pictures"
        sentence = f"{facts.pairs} {kind} were trained on: the results may be right, but nobody can tell it of others."
        yield Diagnosis(name=f"few {kind}", sentence=sentence, hint=f"{bound('pairs'):.0f} {kind} and more")
    yield from _by_heart(history, facts)
    yield from _unfinished(history, facts)


def gap(history: History, facts: RunFacts) -> tuple[str, float]:
    """A distance, and how many times larger it is on validation pictures than on training pictures; ("", NaN)."""
    last = history.last("val")
    for name, is_higher_better in facts.numbers.items():
        here, there = last.get(name, math.nan), last.get(f"{name}{ON_TRAINING}", math.nan)
        if not is_higher_better and there > 0 and math.isfinite(here):
            return name, here / there
    return "", math.nan


def _worse_than_mean(history: History, facts: RunFacts) -> Iterator[Diagnosis]:
    last = history.last("val")
    worse: list[tuple[str, float, float]] = []
    better: list[str] = []
    for name, is_higher_better in facts.numbers.items():
        value, baseline = last.get(name, math.nan), last.get(f"{name}{BASELINE}", math.nan)
        if math.isfinite(value) and math.isfinite(baseline):
            if (value > baseline) == is_higher_better:
                better.append(name)
            else:
                worse.append((name, value, baseline))
    # A sharp picture may lose against a mean by one number, such as PSNR; a model that is worth something wins by most.
    if len(worse) > len(better):
        name, value, baseline = worse[0]
        sentence = (
            f"{name} is {value:.4g}, and of the mean training picture in place of each translation {baseline:.4g}."
        )
        is_known = gap(history, facts)[1] >= bound("apart")
        look = "a look at the pairs, whether source and target belong together: imtrans data preview"
        yield Diagnosis(name=WORSE, sentence=sentence, hint=look if is_known else facts.longer)


def _by_heart(history: History, facts: RunFacts) -> Iterator[Diagnosis]:
    name, ratio = gap(history, facts)
    if ratio >= bound("gap"):
        sentence = f"{name} is {ratio:.1f} times as large on validation pictures as on those that were trained on."
        yield Diagnosis(
            name=BY_HEART, sentence=sentence, hint=f"more pairs; until then the best checkpoint: {facts.name}@best"
        )


def _unfinished(history: History, facts: RunFacts) -> Iterator[Diagnosis]:
    if history.step < facts.steps:
        return
    for name, is_higher_better in facts.numbers.items():
        fall = -trend(history.column(name, "val").tail(bound("tail")))
        if not is_higher_better and fall > bound("falling"):
            sentence = f"{name} on validation pictures still fell by {fall:.0%} in the last third."
            yield Diagnosis(name=UNFINISHED, sentence=sentence, hint=facts.longer)
            return
