"""What `run`, `resume` and `rerun` share: a training, its records, and its summary."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imtrans.cli.session import Session
from imtrans.cli.shared import torchrun
from imtrans.cli.shared.progress import progress
from imtrans.cli.startup import heavy_imports
from imtrans.config.schema import RunConfig
from imtrans.errors import PeerLostError, printable

if TYPE_CHECKING:
    from imtrans.engine.checkpoints.resume import ResumePoint


SILENCE = 5.0  # seconds; torch's launcher ends the other processes well before
Trained = tuple[Path, Any]  # the run folder, and how the training ended (`TrainingResult`)
Where = Callable[[], "tuple[Path, ResumePoint | None]"]


def train(session: Session, config: RunConfig, where: Where, *, as_json: bool) -> None:
    """Train as configured, from the beginning or from a checkpoint, and print a summary; `where` as for `trained`."""
    if ended := trained(session, config, where, is_quiet=as_json):
        folder, result = ended
        click.echo(_as_json(folder, result) if as_json else summary(folder, result, licence=config.train.licence))


def trained(session: Session, config: RunConfig, where: Where, *, is_quiet: bool) -> Trained | None:
    """Train as configured; None in all processes but the first.

    `where` gives the run folder and where to begin; with several processes the first one alone decides it.
    """
    with heavy_imports():
        from imtrans.config.speedups import is_asked
        from imtrans.engine import device, distributed
        from imtrans.engine.runs import run_dir
        from imtrans.engine.training import setup, trainer  # noqa: F401 - what `_train` takes

    if is_asked(config.train, "kept-memory"):
        device.tune_malloc()
    locked: list[Path] = []
    try:
        with distributed.map_peer_errors():
            world = distributed.join(device.choose(config.train.device), timeout=config.train.timeout)
            folder, start = world.on_first(where)
            locked += [folder] if world.is_first else []
            result = _train(session, config, folder, start, is_quiet=is_quiet)
            return (folder, result) if world.is_first else None
    except PeerLostError:
        if not torchrun.is_launched():
            raise
        time.sleep(SILENCE)  # the process that failed first reports it; the launcher ends this one meanwhile
        raise click.exceptions.Exit(PeerLostError.exit_code) from None
    finally:
        for folder in locked:
            run_dir.unlock(folder)
        distributed.shutdown()


def _train(session: Session, config: RunConfig, folder: Path, start: "ResumePoint | None", *, is_quiet: bool) -> Any:
    from imtrans.engine.training import setup, trainer

    job = setup.setup_training(
        config, catalog=session.catalog, plugins=session.plugins, folder=folder, start=start, is_quiet=is_quiet
    )
    with progress("evaluating") as tick:
        return trainer.fit_recorded(job, tick=tick)


def summary(folder: Path, result: Any, *, licence: str | None = None) -> str:
    """The metrics of the trained model, and the paths of what was written."""
    from imtrans.engine.checkpoints import checkpoint_paths

    best, record = checkpoint_paths.best(folder), checkpoint_paths.best_record(folder)
    run = f"{folder}{'@best' if best else ''}"
    return "\n".join(
        [
            *_score_lines(result.scores, result.step),
            f"Pictures: {folder / 'samples'}",
            f"Report:   {folder / 'report.html'}",
            f"Model:    {result.checkpoint}",
            *(
                [f"Best:     {best.name}, by {record['metric']} {record['value']:.4g} on the validation pictures"]
                if best
                else []
            ),
            *([f"Licence:  {printable(licence)}"] if licence else []),
            f"Use it:   imtrans translate {run} PICTURES -o OUT",
            f"Try it:   imtrans serve {run}",
            f"Share it: imtrans export {run} --to web -o page.html",
        ]
    )


def _score_lines(scores: Any, step: int) -> list[str]:
    """The metrics as a table, beside those of the mean training image; no lines where there are none."""
    if not scores.metrics:
        return []
    values = {name: f"{value:.4g}" for name, value in scores.metrics.items()}
    name_width, value_width = (max(map(len, texts)) for texts in (values, values.values()))
    lines = [f"Trained {step:,} steps; on {scores.count} validation {'picture' if scores.count == 1 else 'pictures'}:"]
    for name, value in values.items():
        baseline = scores.baseline.get(name)
        beside = "" if baseline is None else f"   (the mean training image: {baseline:.4g})"
        lines.append(f"  {name:<{name_width}}  {value:<{value_width if beside else 0}}{beside}")
    return lines


def _as_json(folder: Path, result: Any) -> str:
    from imtrans.kit.report.json_number import json_number

    scores = {
        "metrics": {k: json_number(v) for k, v in result.scores.metrics.items()},
        "mean_image": {k: json_number(v) for k, v in result.scores.baseline.items()},
        "pictures": result.scores.count,
    }
    return json.dumps(
        {"run": str(folder), "checkpoint": str(result.checkpoint), "step": result.step, **scores}, indent=1
    )
