"""imtrans evaluate"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imtrans.cli import Session
from imtrans.commands.progress import progress
from imtrans.errors import ConfigError, printable
from imtrans.layers import Assignment, Layer
from imtrans.recipe import EvalProtocol

if TYPE_CHECKING:
    from imtrans.engine.judging import Judgement
    from imtrans.kit.sheets import Grid

MOST = 100  # columns or rows of a grid


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
@click.option("--size", metavar="N|H,W", help="Compare at this size; the protocol's hash tells so.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="metrics.METRIC.OPTION or inference.KEY.")
@click.option("--pictures", is_flag=True, help="Keep all pictures, and a page that shows them.")
@click.option("--grid", metavar="COLUMNSxROWS[@SIZE]", help="Also the first pictures on one sheet: 8x1, or 6x6@32.")
@click.option("-o", "--output", metavar="DIR", help="Folder for the results; without it: evaluation/ in the run.")
@click.option("--device", default="auto", help="cpu, cuda, cuda:N, mps or auto.")
@click.option("--offline", is_flag=True, help="Fetch nothing: a named data set that is missing is an error.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
def command(session: Session, /, what: tuple[str, ...], names: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Measure the newest checkpoint of RUN, or the pictures of one folder against those of another."""
    from imtrans.commands.run import layer
    from imtrans.engine.device import keep_big_blocks

    if len(what) > 2:
        raise ConfigError("evaluate takes one run, or two folders", mend="Several runs: imtrans compare RUN RUN")
    keep_big_blocks()
    given["grid"] = _grid(given["grid"]) if given["grid"] is not None else None
    given["pictures"] = given["pictures"] or given["grid"] is not None
    given["metrics"] = [a for a in layer({"settings": given["settings"]}).assignments if a.path[0] == "metrics"]
    judge = _of_folders if len(what) == 2 else _of_run
    told = [_told(*found, as_json=as_json) for found in judge(session, what, names, given=given)]
    if as_json:
        click.echo(json.dumps(told[0] if len(told) == 1 else told, indent=1))


def _protocol(session: Session, name: str, given: Mapping[str, Any], config: Any = None) -> EvalProtocol:
    from imtrans.engine import protocol

    found = protocol.find(session.catalog, name, given["metrics"], config=config)
    changes: dict[str, Any] = {"split": given["split"]} if given["split"] else {}
    if given["size"]:
        changes["size"] = _size(given["size"])
    return dataclasses.replace(found, **changes)


def _of_run(
    session: Session, what: Sequence[str], names: Sequence[str], *, given: Mapping[str, Any]
) -> "Iterator[tuple[Judgement, dict[str, Any], Path, Path | None]]":
    from imtrans.engine import build, checkpoint, runs
    from imtrans.engine import device as devices
    from imtrans.engine.evaluating import of_run
    from imtrans.engine.protocol import usual

    folder = runs.find(Path(what[0]))
    if given["source"] or given["labels"]:
        raise ConfigError("--source and --labels go with two folders; a run has its own data set")
    maker = build.Maker(session.catalog)
    model = checkpoint.load(folder, catalog=session.catalog, maker=maker, device=devices.choose(given["device"]))
    for name in names or [usual(model)]:
        protocol = _protocol(session, name, given, model.config)
        asked = _configured(session, model.config, protocol, given)
        base = Path(given["output"] or ("evaluation" if folder.is_file() else folder.parent / "evaluation"))
        with progress(protocol.name) as tick:
            yield of_run(
                dataclasses.replace(model, config=asked),
                folder,
                protocol,
                catalog=session.catalog,
                base=base,
                keeps_pictures=given["pictures"],
                grid=given["grid"],
                tick=tick,
            )


def _of_folders(
    session: Session, what: Sequence[str], names: Sequence[str], *, given: Mapping[str, Any]
) -> "Iterator[tuple[Judgement, dict[str, Any], Path, Path | None]]":
    from imtrans.engine.evaluating import of_folders
    from imtrans.engine.protocol import USUAL

    odd = next((k for k in ("split", "dataset", "data_root") if given[k]), None)
    if odd:
        raise ConfigError(f"--{odd.replace('_', '-')} goes with a run; two folders are taken as they are")
    beside = {k: Path(given[k]) if given[k] else None for k in ("source", "labels")}
    for name in names or [USUAL]:
        protocol = _protocol(session, name, given)
        with progress(protocol.name) as tick:
            yield of_folders(
                Path(what[0]),
                Path(what[1]),
                protocol,
                beside=beside,
                catalog=session.catalog,
                base=Path(given["output"] or "evaluation"),
                keeps_pictures=given["pictures"],
                grid=given["grid"],
                tick=tick,
            )


def _configured(session: Session, config: Any, protocol: EvalProtocol, given: Mapping[str, Any]) -> Any:
    """The run's configuration with the data and the inference policy that are asked for."""
    from imtrans.commands.data import fetch_if_missing
    from imtrans.commands.run import dataset, layer
    from imtrans.resolve import restore

    wanted = layer({"data_root": given["data_root"], "settings": given["settings"]})
    policy = [Assignment(("inference", k), v, f"protocol {protocol.name}") for k, v in protocol.inference.items()]
    mine = [a for a in wanted.assignments if a.path[0] != "metrics"]
    odd = next((a for a in mine if a.path[0] not in ("inference", "dataset", "data")), None)
    if odd:
        raise ConfigError(f"{odd.where}: a trained model has this for good", mend="Set metrics.* and inference.* here.")
    layers = [Layer(f"protocol {protocol.name}", policy), Layer("flag", mine)]
    if given["dataset"]:
        chosen = dataset(session.catalog, given["dataset"])
        layers.insert(0, Layer("flag", [Assignment(("dataset",), chosen, "--dataset")]))
    asked = restore(session.catalog, config.tree(), origin="the run", layers=layers)
    fetch_if_missing(asked.dataset, is_offline=given["offline"])
    return asked


def _told(
    judged: "Judgement", about: dict[str, Any], table: Path, page: Path | None, *, as_json: bool
) -> dict[str, Any]:
    from imtrans.engine import scorecard

    if not as_json:
        click.echo("\n".join(_lines(judged, about)))
        click.echo(f"{'each picture' if judged.pictures else 'its record'}: {printable(str(table))}")
        if page:
            click.echo(f"page:         {printable(str(page))}")
    return {**scorecard.record(judged, about=about), "table": str(table), **({"page": str(page)} if page else {})}


def _lines(judged: "Judgement", about: Mapping[str, Any]) -> Iterator[str]:
    from imtrans.engine.scorecard import interval_of, told

    yield f"{judged.protocol.name} v{judged.protocol.version} #{judged.hash}: {_meaning(judged, about)}"
    columns: list[tuple[str, Callable[[Any], str]]] = [
        ("value", lambda n: told(n.value)),
        ("95 % interval", interval_of),
        ("ceiling", lambda n: told(n.ceiling)),
        ("mean picture", lambda n: told(n.baseline)),
    ]
    cells = [[show(n) for n in judged.numbers.values()] for _, show in columns]
    kept = [i for i in range(len(columns)) if i == 0 or any(c != "-" for c in cells[i])]
    widths = [max(len(columns[i][0]), *(len(c) for c in cells[i])) for i in kept]
    first = max(len(name) for name in judged.numbers) if judged.numbers else 0
    heads = [f"{columns[i][0]:>{w}}" for i, w in zip(kept, widths, strict=True)]
    yield "  ".join(["  " + " " * first, *heads])
    for row, name in enumerate(judged.numbers):
        yield "  ".join([f"  {name:<{first}}", *(f"{cells[i][row]:>{w}}" for i, w in zip(kept, widths, strict=True))])
    yield from (f"Note: {printable(note)}" for note in judged.notes)


def _meaning(judged: "Judgement", about: Mapping[str, Any]) -> str:
    """On what, at which size and how, in words."""
    size, made_at = (judged.choices[k] for k in ("size", "made_at"))
    shown = " x ".join(map(str, size)) if isinstance(size, list) else size
    made = "" if size == made_at or not isinstance(made_at, list) else f" (made at {' x '.join(map(str, made_at))})"
    policy = ", ".join(f"{k} {_on_off(v)}" for k, v in judged.choices.get("inference", {}).items())
    count = len(judged.keys)
    return "; ".join(p for p in (printable(about["judged"]), f"{count} of {count} pictures", shown + made, policy) if p)


def _on_off(value: Any) -> Any:
    return value if not isinstance(value, bool) else "on" if value else "off"


def _grid(text: str) -> "Grid":
    from imtrans.kit.sheets import Grid

    found = re.fullmatch(r"(\d{1,3})x(\d{1,3})(?:@(\d{1,4}))?", text)
    columns, rows, size = (int(n) if n else None for n in found.groups()) if found else (0, 0, 0)
    if not columns or not rows or size == 0 or max(columns, rows) > MOST:
        raise ConfigError(
            f"--grid {text!r}: must be columns and rows, 1 to {MOST} of each, and may have a size in pixels",
            mend="For example: --grid 8x1, or --grid 6x6@32",
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
