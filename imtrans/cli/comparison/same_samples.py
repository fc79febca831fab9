"""The same validation pictures as several runs translate them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imtrans.cli.comparison.run_comparison import RunSummary

if TYPE_CHECKING:
    from imtrans.interfaces import Sample

MAX_SAMPLES = 12  # every picture is embedded, and a page must stay small


def same_samples(runs: Sequence[RunSummary]) -> "tuple[list[list[Sample]], list[str]]":
    """For each picture that all runs show, its sample of each run; and notes: the steps, or why there are none."""
    from imtrans.kit.report import samples

    newest = [(r.name, samples.newest(r.folder)) for r in runs]
    without = [name for name, grid in newest if grid is None]
    if without:
        return [], [f"no samples side by side: none in {', '.join(without)}"]
    by_key = [{s.key: s for s in grid.samples} for _, grid in newest if grid]
    common = [key for key in by_key[0] if all(key in samples_of_run for samples_of_run in by_key)]
    # Keys alone do not do: in two data sets they may be the same file names.
    strips = [[samples_of_run[key] for samples_of_run in by_key] for key in common]
    strips = [strip for strip in strips if _have_same_source(strip)]
    if not strips:
        return [], ["no samples side by side: the runs show different pictures"]
    steps = ", ".join(f"{name} at step {grid.step:,}" for name, grid in newest if grid)
    return strips[:MAX_SAMPLES], [f"samples: {steps}"]


def _have_same_source(samples: "Sequence[Sample]") -> bool:
    import numpy as np

    first = samples[0].source
    return all(s.source.shape == first.shape and np.array_equal(s.source, first) for s in samples)


def panels_of(strip: "Sequence[Sample]") -> list[Any]:
    """Source, the prediction of each run, and the target if there is one."""
    target = [strip[0].target] if strip[0].target is not None else []
    return [strip[0].source, *(s.prediction for s in strip), *target]
