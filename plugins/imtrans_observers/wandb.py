"""The same numbers and images to Weights & Biases."""

import importlib
import importlib.util
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans import hookimpl
from imtrans.atomic_io import replace_json
from imtrans.errors import NotInstalledError
from imtrans.interfaces import Run, Sample
from imtrans.kit.report.metric_history import REFERENCES
from imtrans_observers.samples import split_samples
from imtrans_observers.tensorboard import tag_of

RECORD = "wandb.json"  # the id by which a resumed run is the same one there
STEP = "step"


class WandbObserver:
    """Logs to the project as a run of the folder's name. NotInstalledError without the package.

    The step is a number beside the others: a run that was rolled back logs earlier steps again, which wandb's own step
    does not allow.
    """

    def __init__(self, *, project: str = "imtrans", entity: str | None = None, mode: str | None = None) -> None:
        if importlib.util.find_spec("wandb") is None:
            raise NotInstalledError(
                "observer 'wandb': wandb is not installed", hint='Install it: python -m pip install "imtrans[wandb]"'
            )
        self._settings = {"project": project, "entity": entity, "mode": mode}
        self._run: Any = None

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        """Begin the run there, or take it up again."""
        wandb = _package()
        self._run = wandb.init(
            **self._settings,
            id=_id(run.folder),
            name=run.folder.name,
            dir=str(run.folder),
            config=run.config.tree(unset=True),
            resume="allow",
            settings=wandb.Settings(silent=True),
        )
        self._run.define_metric(STEP, hidden=True)
        self._run.define_metric("*", step_metric=STEP)

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:  # noqa: ARG002 - the hook's
        """Log the losses and the health values."""
        self._run.log({STEP: step, **{tag_of(name): value for name, value in values.items()}})

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:  # noqa: ARG002 - the hook's
        """Log metrics and sample images; the mean-image baseline of a metric is left out."""
        wandb = _package()
        numbers = {f"val/{name}": value for name, value in metrics.items() if not name.endswith(REFERENCES)}
        pictures = {
            name: [wandb.Image(_sheet(sample), caption=sample.key) for sample in group]
            for name, group in zip(("samples", "worst"), split_samples(samples), strict=True)
            if group
        }
        self._run.log({STEP: step, **numbers, **pictures})

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:  # noqa: ARG002 - the hook's
        """End the run there: as failed after an error."""
        if self._run is not None:
            self._run.finish(exit_code=0 if error is None else 1)
            self._run = None


def _package() -> Any:
    return importlib.import_module("wandb")  # optional, and slow to import


def _id(folder: Path) -> str:
    """The id of the run there, made at its first start."""
    try:
        return str(json.loads((folder / RECORD).read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError, TypeError):
        made = secrets.token_hex(4)
        replace_json(folder / RECORD, {"id": made})
        return made


def _sheet(sample: Sample) -> Any:
    from imtrans.kit.report.image_grid import sheet

    return sheet([[p for p in (sample.source, sample.prediction, sample.target) if p is not None]])
