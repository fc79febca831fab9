"""imtrans evaluate"""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, as_record, dataset_layer, layer
from imtrans.cli.shared.evaluation_text import show
from imtrans.cli.shared.progress import progress
from imtrans.cli.startup import heavy_imports
from imtrans.config.schema import RunConfig
from imtrans.config.sources import Assignment, Layer
from imtrans.errors import ConfigError
from imtrans.plugins.defaults import default_protocol
from imtrans.plugins.recipe import EvalProtocol

if TYPE_CHECKING:
    from imtrans.engine.build import Model
    from imtrans.engine.evaluation.over_time.history import CheckpointHistory
    from imtrans.engine.evaluation.run_evaluation import EvaluationResult
    from imtrans.kit.report.image_grid import Grid
    from imtrans.plugins.component import Direction

MAX_GRID = 100  # columns or rows of a grid


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """The command line of `imtrans evaluate`; `what` is one run, or two folders of pictures."""

    what: tuple[str, ...]
    names: tuple[str, ...]
    split: str | None
    dataset: str | None
    data_root: str | None
    source: str | None
    labels: str | None
    void: int | None
    size: str | None
    direction: "Direction | None"
    all_checkpoints: bool
    settings: tuple[str, ...]
    pictures: bool
    grid: str | None
    output: str | None
    device: str
    offline: bool
    as_json: bool

    @property
    def keeps_pictures(self) -> bool:
        """Whether all pictures are written; a grid is made of them."""
        return self.pictures or self.grid is not None

    @property
    def grid_shape(self) -> "Grid | None":
        """The sheet that --grid describes. ConfigError if it describes none."""
        return None if self.grid is None else _grid(self.grid)


@click.command("evaluate")
@click.argument("what", nargs=-1, required=True, metavar="RUN | PREDICTIONS TARGETS")
@click.option(
    "--protocol", "names", multiple=True, metavar="NAME", help="What to measure, and how (imtrans list protocols)."
)
@click.option("--split", type=click.Choice(["val", "test", "train"]), help="Which pairs of the run's data set.")
@click.option("--dataset", metavar="NAME|PATH", help="Other data than the run was trained with.")
@click.option("--data-root", metavar="DIR", help="Folder that holds the named data sets.")
@click.option("--source", metavar="DIR", help="With two folders: what was translated, for protocols that need it.")
@click.option("--labels", metavar="DIR", help="With two folders: exact class numbers, for protocols that use them.")
@click.option("--void", type=click.IntRange(0, 255), help="With two folders of label maps: the class to leave out.")
@click.option(
    "--direction",
    type=click.Choice(["AtoB", "BtoA"]),
    help="Measure this way; without it that of training. Only a model of both ways, as a CycleGAN, has both.",
)
@click.option("--size", metavar="N|H,W", help="Compare at this size; the protocol's hash depends on it.")
@click.option("--all-checkpoints", is_flag=True, help="Measure every checkpoint of the run: quality over time.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="metrics.METRIC.OPTION or inference.KEY.")
@click.option("--pictures", is_flag=True, help="Keep all pictures, and a page that shows them.")
@click.option("--grid", metavar="COLUMNSxROWS[@SIZE]", help="Also the first pictures on one sheet: 8x1, or 6x6@32.")
@click.option("-o", "--output", metavar="DIR", help="Folder for the results; without it: evaluation/ in the run.")
@click.option("--device", default="auto", help="cpu, cuda, cuda:N, mps or auto.")
@click.option("--offline", is_flag=True, help="Fetch nothing: a named data set that is missing is an error.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
@as_record(EvaluateOptions)
def command(session: Session, options: EvaluateOptions) -> None:
    """Measure the last checkpoint of RUN and its best one, or the pictures of one folder against those of another."""
    with heavy_imports():
        from imtrans.engine.device import tune_malloc

    if len(options.what) > 2:
        raise ConfigError("evaluate takes one run, or two folders", hint="Several runs: imtrans compare RUN RUN")
    tune_malloc()
    results = (_of_folders if len(options.what) == 2 else _of_run)(session, options)
    records = [show(each, as_json=options.as_json) for each in results]
    if options.as_json:
        click.echo(json.dumps(records[0] if len(records) == 1 else records, indent=1))


def _protocol(session: Session, name: str, options: EvaluateOptions, model: "Model | None" = None) -> EvalProtocol:
    from imtrans.engine.evaluation.protocol import find

    settings = [a for a in layer(ConfigFlags(settings=options.settings)).assignments if a.path[0] == "metrics"]
    changes: dict[str, Any] = {"split": options.split} if options.split else {}
    if options.size:
        changes["size"] = _size(options.size)
    return dataclasses.replace(find(session.catalog, name, settings, model=model), **changes)


def _of_run(session: Session, options: EvaluateOptions) -> "Iterator[EvaluationResult | CheckpointHistory]":
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.evaluation.over_time.history import CheckpointHistory, write
    from imtrans.engine.evaluation.protocol import protocol_of_run
    from imtrans.engine.evaluation.run_evaluation import last_beside_best

    run = Path(options.what[0])
    if options.source or options.labels or options.void is not None:
        raise ConfigError("--source, --labels and --void go with two folders; a run has its own data set")
    several = checkpoint_paths.all_of if options.all_checkpoints else checkpoint_paths.last_and_best
    checkpoints = several(run, is_offline=options.offline)
    first = _turned(_loaded(session, checkpoints[0], options), options)
    for name in options.names or [protocol_of_run(first, session.catalog)]:
        # One protocol at a time is printed as soon as it is measured; each can take minutes.
        results = [_of_checkpoint(session, each, name, options) for each in checkpoints]
        if options.all_checkpoints:
            yield write(CheckpointHistory(run=checkpoints[0].parent, results=results))
        else:
            yield last_beside_best(results)


def _loaded(session: Session, checkpoint: Path, options: EvaluateOptions) -> "Model":
    from imtrans.engine import build
    from imtrans.engine import device as devices
    from imtrans.engine.checkpoints import io as checkpoints_io

    factory, device = build.ComponentFactory(session.catalog), devices.choose(options.device)
    return checkpoints_io.load(checkpoint, catalog=session.catalog, factory=factory, device=device)


def _turned(model: "Model", options: EvaluateOptions) -> "Model":
    return model.towards(options.direction) if options.direction else model


def _of_checkpoint(session: Session, checkpoint: Path, name: str, options: EvaluateOptions) -> "EvaluationResult":
    from imtrans.engine import build
    from imtrans.engine.evaluation.run_evaluation import evaluate_run

    model = _loaded(session, checkpoint, options)
    protocol = _protocol(session, name, options, _turned(model, options))
    config = _configured(session, model.config, protocol, options)
    with progress(f"{protocol.name} {checkpoint.name}") as tick:
        return evaluate_run(
            model.with_config(config, factory=build.ComponentFactory(session.catalog)),
            checkpoint,
            protocol,
            catalog=session.catalog,
            direction=options.direction,
            base=Path(options.output) if options.output else None,
            keeps_pictures=options.keeps_pictures,
            grid=options.grid_shape,
            tick=tick,
        )


def _of_folders(session: Session, options: EvaluateOptions) -> "Iterator[EvaluationResult]":
    from imtrans.engine.evaluation.run_evaluation import evaluate_folders

    run_alone = ("split", "dataset", "data_root", "direction", "all_checkpoints")
    flag = next((k for k in run_alone if getattr(options, k)), None)
    if flag:
        raise ConfigError(f"--{flag.replace('_', '-')} goes with a run; two folders are taken as they are")
    beside = {"source": options.source, "labels": options.labels}
    for name in options.names or [default_protocol(session.catalog, "image") or ""]:
        protocol = _protocol(session, name, options)
        with progress(protocol.name) as tick:
            yield evaluate_folders(
                Path(options.what[0]),
                Path(options.what[1]),
                protocol,
                beside={k: Path(v) if v else None for k, v in beside.items()},
                void=options.void,
                catalog=session.catalog,
                base=Path(options.output or "evaluation"),
                keeps_pictures=options.keeps_pictures,
                grid=options.grid_shape,
                tick=tick,
            )


def _configured(session: Session, config: RunConfig, protocol: EvalProtocol, options: EvaluateOptions) -> RunConfig:
    """The run's configuration with the data and the inference policy of the command line and the protocol."""
    from imtrans.cli.shared.dataset_fetch import fetch_if_missing
    from imtrans.config.resolve import restore

    flags = layer(ConfigFlags(data_root=options.data_root, settings=options.settings)).assignments
    flags = [a for a in flags if a.path[0] != "metrics"]  # `_protocol` takes these
    policy = [Assignment(("inference", k), v, f"protocol {protocol.name}") for k, v in protocol.inference.items()]
    fixed = next((a for a in flags if a.path[0] not in ("inference", "dataset", "data")), None)
    if fixed:
        raise ConfigError(
            f"{fixed.where}: a trained model has this for good", hint="Set metrics.* and inference.* here."
        )
    layers = [Layer(f"protocol {protocol.name}", policy), Layer("flag", flags)]
    if options.dataset:
        # First: --set dataset.OPTION then sets an option of this one.
        is_paired = config.dataset.component.info.is_paired
        layers.insert(0, dataset_layer(session.catalog, options.dataset, is_paired=is_paired))
    configured = restore(session.catalog, config.tree(), origin="the run", layers=layers)
    fetch_if_missing(configured.dataset, is_offline=options.offline)
    return configured


def _grid(text: str) -> "Grid":
    from imtrans.kit.report.image_grid import Grid

    match = re.fullmatch(r"(\d{1,3})x(\d{1,3})(?:@(\d{1,4}))?", text)
    columns, rows, size = (int(n) if n else None for n in match.groups()) if match else (0, 0, 0)
    if not columns or not rows or size == 0 or max(columns, rows) > MAX_GRID:
        raise ConfigError(
            f"--grid {text!r}: must be columns and rows, 1 to {MAX_GRID} of each, and may have a size in pixels",
            hint="For example: --grid 8x1, or --grid 6x6@32",
        )
    return Grid(columns, rows, (size, size) if size else None)


def _size(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(n) for n in text.split(","))
        if len(numbers) not in (1, 2) or min(numbers) < 1:
            raise ValueError
    except ValueError:
        raise ConfigError(f"--size {text!r}: must be one number, or height and width: 256 or 256,512") from None
    return numbers if len(numbers) == 2 else numbers * 2
