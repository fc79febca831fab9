"""Sample grids (source, prediction and target side by side), the worst images, and a time-lapse."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from imtrans import hookimpl
from imtrans.interfaces import Run, Sample
from imtrans.kit.report import samples as sample_files
from imtrans.kit.report.samples import SampleGrid
from imtrans_observers import timelapse
from imtrans_observers.buffered_writer import Throttle, Writer

DISCARDED = "discarded"


class SampleGrids:
    """Writes samples/step-NNNNNN.png, samples/worst.png and samples/timelapse.webp.

    Where a run is rolled back, the grids of later steps are moved to samples/discarded.
    """

    def __init__(self) -> None:
        self._write, self._throttle = Writer(), Throttle(60.0)

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        """Discard the grids that a resumed run makes again."""
        discard(run.folder, after=run.start)

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:  # noqa: ARG002 - the hook's
        """Write the grid of the fixed images, and that of the worst."""
        fixed, worst = split_samples(samples)
        if fixed:
            discard(run.folder, after=step)
            grid = SampleGrid(step=step, samples=fixed)
            self._write(lambda: sample_files.save(sample_files.path_of(run.folder, step), grid))
            sample_files.thin(run.folder)
        if worst:
            worst_grid = grid_of_worst(run, step, worst)
            self._write(lambda: sample_files.save(run.folder / sample_files.FOLDER / sample_files.WORST, worst_grid))

    @hookimpl
    def imtrans_checkpoint_saved(self, run: Run, step: int, path: Path) -> None:  # noqa: ARG002 - the hook's
        """Refresh the time-lapse, if that is due."""
        if self._throttle.is_due:
            self._film(run)

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:  # noqa: ARG002 - the hook's
        """Refresh the time-lapse."""
        self._film(run)

    def _film(self, run: Run) -> None:
        with self._throttle.measured():
            self._write(lambda: timelapse.refresh(run.folder))


def split_samples(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The fixed samples, and the worst ones."""
    return [s for s in samples if not s.is_worst], [s for s in samples if s.is_worst]


def grid_of_worst(run: Run, step: int, worst: Sequence[Sample]) -> SampleGrid:
    """The worst samples with the metric that they were chosen by: the first that each has."""
    name = next(iter(worst[0].scores), "")
    return SampleGrid(step=step, samples=worst, by=name, higher_is_better=run.numbers.get(name, False))


def discard(run: Path, *, after: int) -> None:
    """Move the grids of later steps to samples/discarded; delete a later worst.png: the next evaluation rewrites it."""
    for step, path in sample_files.grids(run).items():
        if step > after:
            # Kept, not deleted: they show what the run looked like before it was rolled back.
            (path.parent / DISCARDED).mkdir(exist_ok=True)
            path.replace(path.parent / DISCARDED / path.name)
            # Its frames show the discarded grids; the next refresh makes it again.
            (path.parent / timelapse.NAME).unlink(missing_ok=True)
    worst = run / sample_files.FOLDER / sample_files.WORST
    if worst.exists() and ((grid := sample_files.load(worst)) is None or grid.step > after):
        worst.unlink()
