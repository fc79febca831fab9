"""imtrans evaluate"""

import json
import sys
from pathlib import Path
from typing import Any

import click

from imtrans.cli import Session


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
    from imtrans.engine import assemble, build, checkpoint, evaluate
    from imtrans.engine import device as devices

    devices.keep_big_blocks()
    maker = build.Maker(session.catalog)
    folder = checkpoint.find(Path(run))
    model = checkpoint.load(folder, catalog=session.catalog, maker=maker, device=devices.choose(device))
    loading = assemble.loading(model.config, split)
    metrics = build.metrics(model.config, maker, model.signals)
    with _progress() as tick:
        scores = evaluate.scores(model, metrics, loading, tick=tick)
    where = {
        "checkpoint": str(folder),
        "data set": assemble.dataset_name(model.config),
        "split": split,
        "pictures": scores.count,
    }
    if as_json:
        click.echo(json.dumps({**where, "metrics": dict(scores.metrics)}, indent=1))
        return
    click.echo(f"{folder} on {scores.count} of {scores.count} {split} pictures of {where['data set']}:")
    for name, value in scores.metrics.items():
        click.echo(f"  {name:<6} {value:.4f}")


class _progress:  # noqa: N801 - used as a function
    """A bar on stderr where there is a terminal."""

    def __enter__(self) -> Any:
        from rich.console import Console
        from rich.progress import Progress

        screen = Console(file=sys.stderr)
        self.bar = Progress(console=screen, disable=not screen.is_terminal, transient=True)
        self.bar.start()
        self.task = self.bar.add_task("evaluating", total=None)
        return self.tick

    def tick(self, done: int, count: int) -> None:
        self.bar.update(self.task, completed=done, total=count)

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
