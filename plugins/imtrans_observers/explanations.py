"""What stands on top of a report: the commands of a run, and what its numbers mean."""

import shlex
from collections.abc import Iterator

from imtrans.atomic_io import read_json
from imtrans.interfaces import Run
from imtrans.kit.report.metric_history import HEALTH, History


def commands(run: Run) -> Iterator[tuple[str, str]]:
    """What was done with which command, and what can be done with the run."""
    argv = read_json(run.folder / "run.json").get("argv")
    if argv:
        yield "It was made by", shlex.join(map(str, argv))
    best = read_json(run.folder / "best.json")
    if best:
        yield (
            f"The best checkpoint is of step {best.get('step')}, by {best.get('metric')}",
            str(run.folder / str(best["checkpoint"])),
        )
    yield "Use it", f"imtrans translate {run.folder}{'@best' if best else ''} PICTURES -o OUT"
    yield "Measure it", f"imtrans evaluate {run.folder}{'@best' if best else ''} --pictures"


def meanings(run: Run, history: History) -> Iterator[tuple[str, str]]:
    """Each number that the page shows, and what it is: a loss with its weights, or a metric."""
    shown = {*history.names("train"), *history.names("val")}
    for slot, chosen in run.config.parts.items():
        terms = [c for c in chosen if c.is_weighted and c.weight]
        if terms and slot in shown:
            sums = " + ".join(f"{c.weight:g} x {c.name}" for c in terms)
            yield slot, f"{sums}: {'; '.join(c.component.summary for c in terms)}. The weight is in the number."
    if "discriminator" in shown:
        yield "discriminator", "its loss: near 0 it always knows which picture is real, and the generator learns little"
    if f"{HEALTH}accuracy" in shown:
        yield "accuracy of D", "share of the patches that it classifies correctly: 0.5 is guessing, 0.7 to 0.95 usual"
    if any(name.startswith(f"{HEALTH}augment_p") for name in shown):
        yield (
            "probability of the augmentation of D",
            "share in which each change of its pictures is made",
        )
    for metric in run.config.metrics:
        info = metric.component.info
        for name in info.numbers or {metric.name: info.higher_is_better}:
            if name in shown:
                better = "higher" if info.points_up(name) else "lower"
                yield name, f"{metric.component.summary}; {better} is better, without any weight"
