"""From a run, or two folders, to an evaluation on the disk."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from imtrans.config.schema import RunConfig
from imtrans.engine import build
from imtrans.engine.build import Model
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.data import run_summary
from imtrans.engine.data.pair_loader import PairLoader, open_split
from imtrans.engine.evaluation import eval_report
from imtrans.engine.evaluation.bound_metrics import bind_metrics
from imtrans.engine.evaluation.eval_samples import CYCLE, EvalSamples, resize_to
from imtrans.engine.evaluation.evaluator import Evaluation, evaluate
from imtrans.engine.evaluation.image_folders import samples_of_folders
from imtrans.engine.evaluation.model_samples import samples_of_model
from imtrans.engine.evaluation.over_time.choice import Choice, choice_of
from imtrans.engine.evaluation.protocol import compares_labels
from imtrans.engine.evaluation.scoring import mean_target
from imtrans.engine.runs.page_info import name_of
from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import Split, Tick
from imtrans.kit.report.image_grid import Grid
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Direction
from imtrans.plugins.defaults import default_protocol
from imtrans.plugins.options import values
from imtrans.plugins.recipe import EvalProtocol


class EvaluationResult(NamedTuple):
    """The numbers, what they are about, the path of the table of all pictures, and of the page that shows them.

    `choice` says how the run's best checkpoint was chosen, where it keeps one; `best` has the numbers of that one where
    it is another and was measured, too.
    """

    evaluation: Evaluation
    about: dict[str, Any]
    table: Path
    page: Path | None
    choice: Choice | None = None
    best: "EvaluationResult | None" = None

    @property
    def record(self) -> dict[str, Any]:
        """All of it as values of JSON."""
        page = {"page": str(self.page)} if self.page else {}
        choice = {"choice": self.choice.record} if self.choice else {}
        best = {"best": self.best.record} if self.best else {}
        numbers = eval_report.record(self.evaluation, about=self.about)
        return {**numbers, "table": str(self.table), **page, **choice, **best}


def last_beside_best(results: Sequence[EvaluationResult]) -> EvaluationResult:
    """The first, that of the last checkpoint; with the second as its `best` where there is one."""
    return results[0]._replace(best=results[1] if len(results) > 1 else None)


def evaluate_run(
    model: Model,
    checkpoint: Path,
    protocol: EvalProtocol,
    *,
    catalog: Catalog,
    direction: Direction | None = None,
    base: Path | None = None,
    keeps_pictures: bool = False,
    grid: Grid | None = None,
    tick: Tick | None = None,
) -> EvaluationResult:
    """Evaluate a loaded checkpoint on the data of its configuration, and write the results below `base`.

    Without it that is evaluation/ in the run, or here where a model's file lies alone. `direction` chooses one of those
    that the model has learned, as a CycleGAN both; the numbers of the way back have a hash of their own. ConfigError
    for one that it has not learned.
    """
    name, trained = name_of(checkpoint) if checkpoint.is_file() else checkpoint.name, model.config.direction
    model = model.towards(direction) if direction else model
    config, is_way_back = model.config, model.config.direction != trained
    loading = open_split(config, protocol.split, run=checkpoint.parent, data_spec=model.data_spec)
    choice = choice_of(checkpoint.parent, config=config, loading=loading, split=protocol.split)
    samples = samples_of_model(model, loading, protocol, stored=_stored(loading, protocol))
    chosen = choice if choice and _is_chosen(checkpoint, choice) else None
    result = _evaluated(
        protocol,
        dataclasses.replace(samples, notes=[*samples.notes, *([chosen.note] if chosen else [])]),
        catalog=catalog,
        conditions=_conditions(config, protocol.split, is_way_back=is_way_back),
        mean=_mean(model, protocol, run=checkpoint.parent),
        about=_about(checkpoint, config, protocol.split, is_way_back=is_way_back) | _fact(chosen),
        missing=[] if model.reversed() else [CYCLE],
        base=base or (Path() if checkpoint.is_file() else checkpoint.parent) / "evaluation",
        name=f"{name}-{config.direction}" if is_way_back else name,
        keeps_pictures=keeps_pictures,
        grid=grid,
        tick=tick,
    )
    return result._replace(choice=choice)


def _conditions(config: RunConfig, split: Split, *, is_way_back: bool) -> dict[str, Any]:
    return {
        "split": split,
        "inference": values(config.inference),
        **({"direction": config.direction} if is_way_back else {}),
    }


def _about(checkpoint: Path, config: RunConfig, split: Split, *, is_way_back: bool) -> dict[str, Any]:
    dataset = run_summary.dataset_name(config)
    return {
        "evaluated": f"{checkpoint} on {dataset} ({split}{f', {config.direction}' if is_way_back else ''})",
        "checkpoint": str(checkpoint),
        "data set": dataset,
        "direction": config.direction,
        "split": split,
    }


def evaluate_folders(
    predictions: Path,
    targets: Path,
    protocol: EvalProtocol,
    *,
    beside: Mapping[str, Path | None],
    catalog: Catalog,
    base: Path,
    void: int | None = None,
    keeps_pictures: bool = False,
    grid: Grid | None = None,
    tick: Tick | None = None,
) -> EvaluationResult:
    """Evaluate the pictures of a folder against those of another, and write the results below `base`.

    Both are read as class numbers, without `void`, where a metric of the protocol compares nothing else.
    """
    as_labels, for_labels = compares_labels(protocol, catalog), default_protocol(catalog, "labels")
    if void is not None and not as_labels:
        raise ConfigError(f"--void: protocol {protocol.name} compares no class numbers", hint=_as_classes(for_labels))
    samples = samples_of_folders(
        predictions, targets, protocol, beside=beside, as_labels=as_labels, void=void, hint=_as_classes(for_labels)
    )
    about = {"evaluated": f"{predictions} against {targets}", "predictions": str(predictions), "targets": str(targets)}
    return _evaluated(
        protocol,
        samples,
        catalog=catalog,
        conditions={} if void is None else {"void": void},
        about={**about, **{k: str(v) for k, v in beside.items() if v is not None}},
        base=base,
        name=predictions.resolve().name,
        missing=[CYCLE, *(k for k, v in beside.items() if v is None)],
        keeps_pictures=keeps_pictures,
        grid=grid,
        tick=tick,
    )


def _evaluated(
    protocol: EvalProtocol,
    samples: EvalSamples,
    *,
    catalog: Catalog,
    conditions: Mapping[str, Any],
    about: dict[str, Any],
    base: Path,
    name: str,
    missing: Sequence[str] = (),
    mean: torch.Tensor | None = None,
    keeps_pictures: bool,
    grid: Grid | None,
    tick: Tick | None,
) -> EvaluationResult:
    factory = build.ComponentFactory(catalog)
    metrics = bind_metrics(
        protocol, factory, catalog, data_spec=samples.data_spec, missing=missing, is_paired=samples.is_paired
    )
    page = eval_report.ImagePage(base / f"{name}-pictures", grid=grid) if keeps_pictures else None
    on_sample = page.add if page else None
    evaluation = evaluate(protocol, metrics, samples, conditions=conditions, mean=mean, tick=tick, on_sample=on_sample)
    table = eval_report.write(base, name, evaluation, about=about)
    return EvaluationResult(evaluation, about, table, page.close(evaluation, about=about) if page else None)


def _fact(chosen: Choice | None) -> dict[str, str]:
    return {"chosen": chosen.fact} if chosen else {}


def _is_chosen(checkpoint: Path, choice: Choice) -> bool:
    """Whether the checkpoint is the one that was chosen. The last one was not, even where it is the best."""
    is_last = [checkpoint] == checkpoint_paths.newest_first(checkpoint.parent)[:1]
    return checkpoint_paths.number_of(checkpoint) == choice.step and not is_last


def _as_classes(protocol: str | None) -> str:
    return f"To compare class numbers: --protocol {protocol}" if protocol else "Save both in the same way."


def _stored(loading: PairLoader, protocol: EvalProtocol) -> PairLoader:
    """The same samples as they are stored, where the protocol compares at a size of its own."""
    if not protocol.size:
        return loading
    # The protocol resizes the target itself, by its own filter; the loader would use that of training.
    source = dataclasses.replace(loading.source, size=(), built=None)
    return PairLoader(source=source, is_reversed=loading.is_reversed, seed=loading.seed)


def _mean(model: Model, protocol: EvalProtocol, *, run: Path) -> torch.Tensor | None:
    """The mean training image as the protocol compares it, (1, C, *spatial); None where there is none."""
    # The mean of label maps is none, and colour without lightness is no image.
    if model.data_spec.target.kind != "image" or model.data_spec.target.space:
        return None
    try:
        mean = mean_target(model, open_split(model.config, "train", run=run, data_spec=model.data_spec))
    except DataError:  # an evaluation needs no training data: without it there is no baseline
        return None
    if mean is None:
        return None
    return resize_to(mean[None], protocol.size, protocol.resize) if protocol.size else mean[None]
