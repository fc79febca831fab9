"""The diagnosis of one run, followed while it trains, and shared by the observers that show it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar
from weakref import WeakValueDictionary

from imtrans.interfaces import Run, Sample
from imtrans.kit.report import metric_history
from imtrans.kit.report import samples as sample_files
from imtrans.kit.report.metric_history import History
from imtrans_observers.diagnosis import Diagnosis, RunFacts, diagnose
from imtrans_observers.diagnosis.image_stats import ImageStats, image_stats


class Diagnostics:
    """What a run logged and how its samples look, and the diagnosis that follows.

    `of` gives all observers of a run the same object. Each passes on every event; only the first time counts, so a
    step is recorded, and diagnosed, once.
    """

    # The only state outside of instances: observers are separate entry points and have nothing but the run in common.
    # Weak, so that it holds nothing alive. By identity, as a Run cannot be hashed; each value keeps its run, so that
    # an id is not given to another run while the entry exists.
    _of_runs: ClassVar[WeakValueDictionary[int, "Diagnostics"]] = WeakValueDictionary()

    def __init__(self) -> None:
        self.history = History()
        self.stats: ImageStats | None = None
        self._run: Run | None = None
        self._facts = RunFacts()
        self._stats_step = 0
        self._last_event: tuple[str, int, Mapping[str, float]] | None = None
        self._diagnosis: Diagnosis | None = None

    @classmethod
    def of(cls, run: Run) -> "Diagnostics":
        """The one of this run. A resumed run starts with what is in its folder up to the step where it resumes."""
        diagnostics = cls._of_runs.get(id(run))
        if diagnostics is None:
            diagnostics = cls()
            diagnostics._run, diagnostics._facts = run, RunFacts.of(run)
            if run.start:
                diagnostics._read(run)
            cls._of_runs[id(run)] = diagnostics
        return diagnostics

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Record the training numbers of a step."""
        if self._is_new("train", step, values):
            self.history.add("train", step, values)
            if self._stats_step > step:  # the run was rolled back
                self.stats, self._stats_step = None, 0

    def evaluated(self, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:
        """Record the validation metrics and samples of a step."""
        if self._is_new("val", step, metrics):
            self.history.add("val", step, metrics)
            # The worst images of the split would bias the statistics: they change from one evaluation to the next.
            fixed = [s for s in samples if not s.is_worst]
            if fixed:
                self.stats, self._stats_step = image_stats(fixed), step

    def diagnosis(self) -> Diagnosis:
        """The diagnosis of everything recorded so far; computed once between two events."""
        if self._diagnosis is None:
            self._diagnosis = diagnose(self.history, self.stats, self._facts)
        return self._diagnosis

    def _is_new(self, split: str, step: int, values: Mapping[str, float]) -> bool:
        """Whether no other observer has passed on this event: all are handed the same mapping."""
        last = self._last_event
        if last and last[:2] == (split, step) and last[2] is values:
            return False
        self._last_event, self._diagnosis = (split, step, values), None
        return True

    def _read(self, run: Run) -> None:
        self.history = metric_history.read(run.folder)
        self.history.cut(run.start)
        for step, path in reversed(sample_files.grids(run.folder).items()):
            if step <= self.history.step and (grid := sample_files.load(path)):
                self.stats, self._stats_step = image_stats(grid.samples), grid.step
                return
