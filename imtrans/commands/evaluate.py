"""imtrans evaluate"""

import json
from pathlib import Path
from typing import Any

import click

from imtrans.cli import Session
from imtrans.commands.progress import progress


@click.command("evaluate")
@click.argument("run")
@click.option(
    "--split", type=click.Choice(["val", "test", "train"]), default="val", help="Which pairs; val is the default."
)
@click.option("--device", default="auto", help="cpu, cuda, cuda:N, mps or auto.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
def command(session: Session, run: str, split: Any, device: str, as_json: bool) -> None:
    """Measure the newest checkpoint of RUN on all pictures of a split of the data it was trained with."""
    from imtrans.engine import assemble, build, checkpoint, evaluate, facts, runs
    from imtrans.engine import device as devices

    devices.keep_big_blocks()
    maker = build.Maker(session.catalog)
    folder = runs.find(Path(run))
    model = checkpoint.load(folder, catalog=session.catalog, maker=maker, device=devices.choose(device))
    loading = assemble.loading(model.config, split)
    metrics = build.metrics(model.config, maker, model.signals)
    with progress("evaluating") as tick:
        scores = evaluate.scores(model, metrics, loading, tick=tick)
    where = {
        "checkpoint": str(folder),
        "data set": facts.dataset_name(model.config),
        "split": split,
        "pictures": scores.count,
    }
    if as_json:
        click.echo(json.dumps({**where, "metrics": dict(scores.metrics)}, indent=1))
        return
    click.echo(f"{folder} on {scores.count} of {scores.count} {split} pictures of {where['data set']}:")
    for name, value in scores.metrics.items():
        click.echo(f"  {name:<6} {value:.4f}")
