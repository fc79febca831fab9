"""What a model's page tells of the run that it comes from: its pictures, its training, its figures, its terms."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imtrans
from imtrans.config.schema import RunConfig
from imtrans.engine.build import Model
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.checkpoints.model_summary import licence_of
from imtrans.kit.model_page.model_info import model_info
from imtrans.kit.report import metric_history, samples

NOT_STATED = "The data set does not state its terms of use; ask whoever trained this model."


def page_info(model: Model, checkpoint: Path, *, has_noise: bool, licence: str = "") -> dict[str, Any]:
    """`imtrans.kit.model_page.model_info.model_info` of a checkpoint and, where it lies in one, of its run folder.

    `licence`: other terms than the model's own.
    """
    folder = checkpoint.absolute().parent
    grid = samples.newest(folder)
    terms = model.config.dataset.component.info.terms
    licence = licence or licence_of(checkpoints_io.read_metadata(checkpoint)) or ""
    return model_info(
        name=name_of(checkpoint),
        data_spec=model.data_spec,
        size=model.config.data.size,
        samples=grid.samples if grid else (),
        has_noise=has_noise,
        source_half="right" if model.config.direction == "BtoA" else "left",
        facts=_facts(model.config, checkpoint),
        terms=(f"Licence of the model: {licence}. " if licence else "")
        + (f"Data set: {terms}." if terms else NOT_STATED),
    )


def name_of(checkpoint: Path) -> str:
    """What a model is called: as its run, as its repository on the Hub, or as its file where it was copied alone."""
    if checkpoint.is_file() and checkpoint.parent.parent.name == "snapshots":
        repository = checkpoint.parents[2].name  # of the Hub's cache: models--USER--NAME/snapshots/COMMIT/FILE
        if repository.startswith("models--"):
            return repository.rpartition("--")[2]
    return checkpoint.stem if checkpoint.is_file() else checkpoint.absolute().parent.name


def step_of(checkpoint: Path) -> int:
    """The training step of a checkpoint or a model's file."""
    return int(checkpoints_io.read_metadata(checkpoint)["step"])


def _facts(config: RunConfig, checkpoint: Path) -> dict[str, str]:
    step = step_of(checkpoint)
    scores = _scores(checkpoint.absolute().parent, step)
    policy = ", ".join(f"{name} {_word(value)}" for name, value in config.tree(unset=True)["inference"].items())
    generators = [c.name for parts in config.parts.values() for c in parts if c.component.kind == "generator"]
    size = " x ".join(map(str, (config.data.size[0], config.data.size[-1])))
    return {
        "Recipe": config.recipe,
        "Data set": config.dataset.name,
        "Network": ", ".join(generators),
        "Trained": f"{step:,} steps of {config.data.batch_size}, at {size} pixels",
        **({"On validation pictures": ", ".join(f"{k} {v:.4g}" for k, v in scores.items())} if scores else {}),
        "Translates with": policy,
        "Made with": f"imtrans {imtrans.__version__}",
    }


def _scores(run: Path, step: int) -> Mapping[str, float]:
    """The metrics of the validation nearest before this step; those of baselines are left out."""
    history = metric_history.read(run)
    history.cut(step)
    columns = {n: history.column(n, "val") for n in history.names("val") if not n.endswith(metric_history.REFERENCES)}
    last = max((column.steps[-1] for column in columns.values()), default=0)
    return {name: column.values[-1] for name, column in columns.items() if column.steps[-1] == last}


def _word(value: object) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
