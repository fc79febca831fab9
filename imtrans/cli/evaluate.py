"""imtrans evaluate"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, as_record, dataset_layer, layer
from imtrans.cli.shared.progress import progress
from imtrans.config.schema import RunConfig
from imtrans.config.sources import Assignment, Layer
from imtrans.errors import ConfigError, printable
from imtrans.plugins.defaults import default_protocol
from imtrans.plugins.recipe import EvalProtocol

if TYPE_CHECKING:
    from imtrans.engine.build import Model
    from imtrans.engine.evaluation.evaluator import Evaluation
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
    """Measure the newest checkpoint of RUN, or the pictures of one folder against those of another."""
    from imtrans.engine.device import tune_malloc

    if len(options.what) > 2:
        raise ConfigError("evaluate takes one run, or two folders", hint="Several runs: imtrans compare RUN RUN")
    tune_malloc()
    results = (_of_folders if len(options.what) == 2 else _of_run)(session, options)
    records = [show(result, as_json=options.as_json) for result in results]
    if options.as_json:
        click.echo(json.dumps(records[0] if len(records) == 1 else records, indent=1))


def _protocol(session: Session, name: str, options: EvaluateOptions, model: "Model | None" = None) -> EvalProtocol:
    from imtrans.engine.evaluation.protocol import find

    settings = [a for a in layer(ConfigFlags(settings=options.settings)).assignments if a.path[0] == "metrics"]
    changes: dict[str, Any] = {"split": options.split} if options.split else {}
    if options.size:
        changes["size"] = _size(options.size)
    return dataclasses.replace(find(session.catalog, name, settings, model=model), **changes)


def _of_run(session: Session, options: EvaluateOptions) -> "Iterator[EvaluationResult]":
    from imtrans.engine import build
    from imtrans.engine import device as devices
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.checkpoints import io as checkpoints_io
    from imtrans.engine.evaluation.protocol import protocol_of_run
    from imtrans.engine.evaluation.run_evaluation import evaluate_run

    folder = checkpoint_paths.find(Path(options.what[0]), is_offline=options.offline)
    if options.source or options.labels or options.void is not None:
        raise ConfigError("--source, --labels and --void go with two folders; a run has its own data set")
    factory, device = build.ComponentFactory(session.catalog), devices.choose(options.device)
    model = checkpoints_io.load(folder, catalog=session.catalog, factory=factory, device=device)
    turned = model.towards(options.direction) if options.direction else model
    for name in options.names or [protocol_of_run(turned, session.catalog)]:
        protocol = _protocol(session, name, options, turned)
        config = _configured(session, model.config, protocol, options)
        with progress(protocol.name) as tick:
            # One protocol at a time is printed as soon as it is measured; each can take minutes.
            yield evaluate_run(
                model.with_config(config, factory=factory),
                folder,
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

    flag = next((k for k in ("split", "dataset", "data_root", "direction") if getattr(options, k)), None)
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


def show(result: "EvaluationResult", *, as_json: bool) -> dict[str, Any]:
    """Print what was measured, unless it is for machines, and return the record of it."""
    if not as_json:
        evaluation, about, table, page = result
        click.echo("\n".join(_lines(evaluation, about)))
        click.echo(f"{'each picture' if evaluation.pictures else 'its record'}: {printable(str(table))}")
        if page:
            click.echo(f"page:         {printable(str(page))}")
    return result.record


def _lines(evaluation: "Evaluation", about: Mapping[str, Any]) -> Iterator[str]:
    from imtrans.engine.evaluation.eval_report import format_interval, format_number

    yield f"{evaluation.protocol.name} v{evaluation.protocol.version} #{evaluation.hash}: {_meaning(evaluation, about)}"
    # A column that no number fills is left out: a terminal has 80 columns.
    columns: list[tuple[str, Callable[[Any], str]]] = [
        ("value", lambda n: format_number(n.value)),
        ("95 % interval", format_interval),
        ("upper bound", lambda n: format_number(n.upper_bound)),
        ("mean image", lambda n: format_number(n.baseline)),
    ]
    cells = [[show(n) for n in evaluation.numbers.values()] for _, show in columns]
    shown = [i for i in range(len(columns)) if i == 0 or any(c != "-" for c in cells[i])]
    widths = [max(len(columns[i][0]), *(len(c) for c in cells[i])) for i in shown]
    first = max(len(name) for name in evaluation.numbers) if evaluation.numbers else 0
    heads = [f"{columns[i][0]:>{w}}" for i, w in zip(shown, widths, strict=True)]
    yield "  ".join(["  " + " " * first, *heads])
    for row, name in enumerate(evaluation.numbers):
        yield "  ".join([f"  {name:<{first}}", *(f"{cells[i][row]:>{w}}" for i, w in zip(shown, widths, strict=True))])
    yield from (f"Note: {printable(note)}" for note in evaluation.notes)


def _meaning(evaluation: "Evaluation", about: Mapping[str, Any]) -> str:
    """What was evaluated, at which size and with which inference policy, in words."""
    size, predicted = (evaluation.choices[k] for k in ("size", "made_at"))
    shown = " x ".join(map(str, size)) if isinstance(size, list) else size
    resized = (
        "" if size == predicted or not isinstance(predicted, list) else f" (made at {' x '.join(map(str, predicted))})"
    )
    policy = ", ".join(f"{k} {_on_off(v)}" for k, v in evaluation.choices.get("inference", {}).items())
    count = len(evaluation.keys)
    return "; ".join(
        p for p in (printable(about["evaluated"]), f"{count} of {count} pictures", shown + resized, policy) if p
    )


def _on_off(value: Any) -> Any:
    return value if not isinstance(value, bool) else "on" if value else "off"


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
