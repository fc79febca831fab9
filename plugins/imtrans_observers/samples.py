"""Sample grids (source, prediction and target side by side), the worst pictures, and a time-lapse."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from imtrans import hookimpl
from imtrans.interfaces import Run, Sample
from imtrans.kit.report import samples as shelf
from imtrans.kit.report.samples import SampleGrid
from imtrans_observers import timelapse
from imtrans_observers.buffered_writer import Pace, Writer

DISCARDED = "discarded"


class SampleGrids:
    """Writes samples/step-NNNNNN.png, samples/worst.png and samples/timelapse.webp.

    Grids of steps that a run has gone back before are put into samples/discarded.
    """

    def __init__(self) -> None:
        self._write, self._pace = Writer(), Pace(60.0)

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        set_aside(run.folder, after=run.start)

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:  # noqa: ARG002 - the hook's
        usual, worst = parted(samples)
        if usual:
            set_aside(run.folder, after=step)
            shown = SampleGrid(step=step, samples=usual)
            self._write(lambda: shelf.save(shelf.path_of(run.folder, step), shown))
        if worst:
            chosen = chosen_by(run, step, worst)
            self._write(lambda: shelf.save(run.folder / shelf.FOLDER / shelf.WORST, chosen))

    @hookimpl
    def imtrans_checkpoint_saved(self, run: Run, step: int, path: Path) -> None:  # noqa: ARG002 - the hook's
        if self._pace.is_due:
            self._film(run)

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:  # noqa: ARG002 - the hook's
        self._film(run)

    def _film(self, run: Run) -> None:
        with self._pace.measured():
            self._write(lambda: timelapse.refresh(run.folder))


def parted(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The fixed pictures, and the worst ones."""
    return [s for s in samples if not s.is_worst], [s for s in samples if s.is_worst]


def chosen_by(run: Run, step: int, worst: Sequence[Sample]) -> SampleGrid:
    """The worst pictures with the metric that they were chosen by: the first that each has."""
    name = next(iter(worst[0].scores), "")
    infos = {c.name: c.component.info for c in run.config.metrics}
    is_higher = bool(getattr(infos.get(name), "higher_is_better", False))
    return SampleGrid(step=step, samples=worst, by=name, higher_is_better=is_higher)


def set_aside(run: Path, *, after: int) -> None:
    """Move the grids of later steps to samples/discarded; worst.png is made anew anyway and goes, too."""
    for step, path in shelf.grids(run).items():
        if step > after:
            (path.parent / DISCARDED).mkdir(exist_ok=True)
            path.replace(path.parent / DISCARDED / path.name)
            (path.parent / timelapse.NAME).unlink(missing_ok=True)
    worst = run / shelf.FOLDER / shelf.WORST
    if worst.exists() and ((shown := shelf.load(worst)) is None or shown.step > after):
        worst.unlink()
