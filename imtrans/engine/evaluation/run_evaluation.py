"""From a run, or two folders, to an evaluation on the disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from imtrans.engine import build
from imtrans.engine.build import Model
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.data import run_summary
from imtrans.engine.data.pair_loader import PairLoader, open_split
from imtrans.engine.data.source import dataset_source
from imtrans.engine.evaluation import eval_report
from imtrans.engine.evaluation.eval_samples import EvalSamples, resize_to, samples_of_model
from imtrans.engine.evaluation.evaluator import Evaluation, Tick, evaluate
from imtrans.engine.evaluation.image_folders import samples_of_folders as cases_of_folders
from imtrans.engine.evaluation.protocol import bind_metrics
from imtrans.engine.evaluation.scoring import mean_target
from imtrans.errors import DataError
from imtrans.kit.images.image_grid import Grid
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.options import values
from imtrans.plugins.recipe import EvalProtocol


class EvaluationResult(NamedTuple):
    """What was found, about what, the table of all pictures, and the page that shows them."""

    judgement: Evaluation
    about: dict[str, Any]
    table: Path
    page: Path | None


def evaluate_run(
    model: Model,
    checkpoint: Path,
    protocol: EvalProtocol,
    *,
    catalog: Catalog,
    base: Path,
    keeps_pictures: bool = False,
    grid: Grid | None = None,
    tick: Tick | None = None,
) -> EvaluationResult:
    """Evaluate a loaded checkpoint on the data of its configuration, and write the results below `base`."""
    config = model.config
    loading = open_split(config, protocol.split)
    cases = samples_of_model(model, loading, protocol, stored=_stored(loading, config, protocol))
    about = {
        "judged": f"{checkpoint} on {run_summary.dataset_name(config)} ({protocol.split})",
        "checkpoint": str(checkpoint),
        "data set": run_summary.dataset_name(config),
        "direction": config.direction,
        "split": protocol.split,
    }
    return _judged(
        protocol,
        cases,
        catalog=catalog,
        conditions={"split": protocol.split, "inference": values(config.inference)},
        mean=_mean(model, protocol),
        about=about,
        place=(base, checkpoint.name.removesuffix(checkpoint_paths.SUFFIX)),
        keeps_pictures=keeps_pictures,
        grid=grid,
        tick=tick,
    )


def evaluate_folders(
    predictions: Path,
    targets: Path,
    protocol: EvalProtocol,
    *,
    beside: Mapping[str, Path | None],
    catalog: Catalog,
    base: Path,
    keeps_pictures: bool = False,
    grid: Grid | None = None,
    tick: Tick | None = None,
) -> EvaluationResult:
    """Evaluate the pictures of a folder against those of another, and write the results below `base`."""
    cases = cases_of_folders(predictions, targets, protocol, beside=beside)
    given = {k: str(v) for k, v in beside.items() if v is not None}
    about = {"judged": f"{predictions} against {targets}", "predictions": str(predictions), "targets": str(targets)}
    return _judged(
        protocol,
        cases,
        catalog=catalog,
        conditions={},
        about={**about, **given},
        place=(base, predictions.resolve().name),
        lacking=[k for k, v in beside.items() if v is None],
        keeps_pictures=keeps_pictures,
        grid=grid,
        tick=tick,
    )


def _judged(
    protocol: EvalProtocol,
    cases: EvalSamples,
    *,
    catalog: Catalog,
    conditions: Mapping[str, Any],
    about: dict[str, Any],
    place: tuple[Path, str],
    lacking: list[str] | None = None,
    mean: torch.Tensor | None = None,
    keeps_pictures: bool,
    grid: Grid | None,
    tick: Tick | None,
) -> EvaluationResult:
    base, name = place
    made = bind_metrics(
        protocol, build.ComponentFactory(catalog), catalog, data_spec=cases.data_spec, lacking=lacking or ()
    )
    album = eval_report.ImagePage(base / f"{name}-pictures", grid=grid) if keeps_pictures else None
    look = album.take if album else None
    judgement = evaluate(protocol, made, cases, conditions=conditions, mean=mean, tick=tick, look=look)
    table = eval_report.write(base, name, judgement, about=about)
    return EvaluationResult(judgement, about, table, album.close(judgement, about=about) if album else None)


def _stored(loading: PairLoader, config: Any, protocol: EvalProtocol) -> PairLoader:
    """The same samples as they are stored, where the protocol compares at a size of its own."""
    if not protocol.size:
        return loading
    source = dataset_source(config, protocol.split, ())
    return PairLoader(source=source, is_reversed=loading.is_reversed, seed=loading.seed)


def _mean(model: Model, protocol: EvalProtocol) -> torch.Tensor | None:
    """The mean training picture as the protocol compares it, (1, C, *spatial); None where there is none."""
    if model.data_spec.target.kind != "image" or model.data_spec.target.space:
        return None
    try:
        found = mean_target(model, open_split(model.config, "train"))
    except DataError:  # whoever has only what is judged may judge
        return None
    size = protocol.size
    return None if found is None else resize_to(found[None], size, protocol.resize) if size else found[None]
