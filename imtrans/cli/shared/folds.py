"""`imtrans run --folds N`: one run for each part that is held out, and their mean as one model."""

import itertools
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imtrans.cli.session import Session
from imtrans.cli.shared import run_location
from imtrans.cli.shared.progress import progress
from imtrans.cli.shared.train_session import trained
from imtrans.config.schema import RunConfig
from imtrans.errors import ConfigError, printable

if TYPE_CHECKING:
    from imtrans.engine.evaluation.run_evaluation import EvaluationResult


def fold_config(config: RunConfig, number: int, count: int) -> RunConfig:
    """The configuration of one fold."""
    data = replace(config.data, folds=count, fold=number)
    return replace(config, data=data, origins={**config.origins, "data.folds": "flag", "data.fold": "flag"})


def train_folds(session: Session, config: RunConfig, count: int, *, name: str | None, resumes: bool) -> Path:
    """Train all folds, as runs NAME-fold1 and so on, write their mean as the run NAME, and return its folder.

    With `resumes` finished folds stay as they are, and an unfinished one goes on. ConfigError where NAME exists.
    """
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.runs import run_dir
    from imtrans.engine.runs.ensemble_run import write_ensemble

    folder = _folder(config, name, resumes=resumes)
    folds = fold_folders(folder, count)
    for number, fold in enumerate(folds, 1):
        if run_dir.record(fold).get("status") == "finished":
            click.echo(f"fold {number} of {count}: {fold} is finished", err=True)
            continue
        click.echo(f"fold {number} of {count}: {fold}", err=True)
        _train(session, fold_config(config, number, count), fold)
    members = [checkpoint_paths.best(fold) or checkpoint_paths.find(fold) for fold in folds]
    write_ensemble(members, folder, catalog=session.catalog, versions=session.plugins.versions())
    return folder


def fold_folders(folder: Path, count: int) -> list[Path]:
    """The folders of the folds of an ensemble in `folder`."""
    return [folder.with_name(f"{folder.name}-fold{number}") for number in range(1, count + 1)]


def show(session: Session, folder: Path, count: int, *, as_json: bool) -> None:
    """Print how the folds did on their parts, and how their mean does on pictures that none of them saw."""
    from imtrans.cli.shared.evaluation_text import show as show_evaluation

    folds = fold_folders(folder, count)
    scores = [_scores(fold) for fold in folds]
    if not as_json:
        click.echo("\n".join(_lines(scores)))
        click.echo(f"\nTheir mean, {folder}, on pictures that none of them was trained with:")
    record = show_evaluation(_evaluated(session, folder), as_json=as_json)
    if as_json:
        runs = [{"run": str(fold), "metrics": metrics} for fold, metrics in zip(folds, scores, strict=True)]
        click.echo(json.dumps({"run": str(folder), "folds": runs, "evaluation": record}, indent=1))
    else:
        click.echo(f"Use it:   imtrans translate {printable(str(folder))} PICTURES -o OUT --uncertainty")


def _folder(config: RunConfig, name: str | None, *, resumes: bool) -> Path:
    from imtrans.engine.checkpoints.checkpoint_paths import RUNS
    from imtrans.engine.runs import run_dir
    from imtrans.engine.runs.run_name import run_name

    if name is not None:
        folder = run_dir.named_folder(name, hint="Give another name.")
        if not resumes and fold_folders(folder, 1)[0].exists():
            raise ConfigError(f"--name {name}: its folds exist", hint="Go on with them: --resume; or another name.")
        return folder
    stem, begun = run_name(config), []
    for number in itertools.count(1):
        folder = RUNS / (stem if number == 1 else f"{stem}-{number}")
        has_folds = fold_folders(folder, 1)[0].exists()
        if not folder.exists() and not has_folds:
            break
        begun += [folder] if has_folds and not folder.exists() else []
    return begun[-1] if resumes and begun else folder


def _train(session: Session, config: RunConfig, folder: Path) -> None:
    catalog = session.catalog
    trained(session, config, lambda: run_location.unfinished(catalog, config, folder.name), is_quiet=False)


def _scores(fold: Path) -> dict[str, float]:
    """The last numbers of a fold on its part, by the metrics of its configuration."""
    from imtrans.kit.report import metric_history

    history = metric_history.read(fold)
    names = [name for name in history.names("val") if not name.endswith(("_of_mean_image", "_on_training"))]
    columns = {name: history.column(name, "val") for name in names}
    return {name: float(column.values[-1]) for name, column in columns.items() if len(column.values)}


def _lines(scores: Sequence[Mapping[str, float]]) -> Iterator[str]:
    names = list(scores[0])
    yield _row("on its part", [f"{name:>8}" for name in names])
    for number, metrics in enumerate(scores, 1):
        yield _row(f"fold {number}", [_text(metrics.get(name)) for name in names])
    columns = [[metrics[name] for metrics in scores if name in metrics] for name in names]
    yield _row("mean", [_text(statistics.fmean(column)) for column in columns])
    yield _row("spread", [_text(statistics.stdev(column) if len(column) > 1 else None) for column in columns])


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<11}  {'  '.join(cells)}"


def _text(number: float | None) -> str:
    return f"{'-' if number is None else format(number, '.4g'):>8}"


def _evaluated(session: Session, folder: Path) -> "EvaluationResult":
    from imtrans.api import load
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.evaluation.protocol import find, protocol_of_run
    from imtrans.engine.evaluation.run_evaluation import evaluate_run

    model, catalog = load(folder, plugins=session.plugins).model, session.catalog
    protocol = find(catalog, protocol_of_run(model, catalog), [], model=model)
    with progress(protocol.name) as tick:
        return evaluate_run(model, checkpoint_paths.find(folder), protocol, catalog=catalog, tick=tick)
