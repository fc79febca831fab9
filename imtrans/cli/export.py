"""imtrans export"""

import dataclasses
import functools
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, as_record, layer
from imtrans.cli.shared.download_progress import size_of
from imtrans.cli.shared.progress import progress
from imtrans.cli.shared.table import table
from imtrans.config.sources import Assignment, Layer
from imtrans.errors import ConfigError, DownloadError, printable
from imtrans.plugins.component import Component, ComponentRef
from imtrans.plugins.options import coerce, specs

if TYPE_CHECKING:
    from imtrans.engine.build import Model
    from imtrans.engine.export.files import ExportedFile, Exports


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """The command line of `imtrans export`."""

    run: str
    exporters: tuple[str, ...]
    dtypes: tuple[str, ...]
    output: str | None
    settings: tuple[str, ...]
    licence: str | None
    overwrite: bool
    offline: bool
    bench: bool
    as_json: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """One file to be written."""

    exporter: ComponentRef
    dtype: str
    path: Path


@click.command("export")
@click.argument("run")
@click.option("--to", "exporters", multiple=True, metavar="FORMAT", help="onnx, torch, ... (imtrans list exporters).")
@click.option("--dtype", "dtypes", multiple=True, metavar="TYPE", help="fp32 (the default), fp16, int8.")
@click.option("-o", "--output", metavar="FILE", help="The file, or a folder; without it: export/ in the run.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="inference.KEY or FORMAT.OPTION.")
@click.option("--licence", metavar="TEXT", help="Terms of use, stored in the file; without it: those of the run.")
@click.option("--offline", is_flag=True, help="Fetch nothing: what a format needs and is not there is an error.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--bench", is_flag=True, help="Also measure the time a picture; without --to of all forms, none kept.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
@as_record(ExportOptions)
def command(session: Session, options: ExportOptions) -> None:
    """Write the newest checkpoint of RUN (or RUN@best, RUN@step-400) for other programs, and compare it with torch.

    A file that gives other pictures than the model does is not left behind.
    """
    if not options.exporters and not options.bench:
        names = " | ".join(entry.name for entry in session.catalog.entries("exporter"))
        raise ConfigError("--to is missing: which format?", hint=f"imtrans export {options.run} --to {names}")
    with tempfile.TemporaryDirectory() as scratch:
        exports, base = _opened(session, options)
        forms = _forms(session, options, base if options.exporters else Path(scratch, base.name))
        files = list(_written(exports, forms, options))
        if options.as_json:
            click.echo(json.dumps(_records(exports, files, options), indent=1))
        elif options.bench:
            click.echo("\n".join(_bench_lines(exports.ms_of_model(), files)))
        else:
            click.echo("\n\n".join("\n".join(_lines(file)) for file in files))


def _opened(session: Session, options: ExportOptions) -> "tuple[Exports, Path]":
    """The model with its data's records, and the path of its files without a suffix."""
    from imtrans.api import load
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.checkpoints import io as checkpoints_io
    from imtrans.engine.checkpoints.model_summary import licence_of
    from imtrans.engine.export.files import Exports
    from imtrans.engine.runs.page_info import name_of

    checkpoint = checkpoint_paths.find(Path(options.run), is_offline=options.offline)
    policy = Layer("flag", [a for a in _assignments(options) if a.path[0] == "inference"])
    model = load(checkpoint, device="cpu", plugins=session.plugins).model
    model = checkpoints_io.with_policy(model, policy, catalog=session.catalog)
    metadata = checkpoints_io.read_metadata(checkpoint)
    is_alone = checkpoint.is_file()
    run_name = name_of(checkpoint)
    name = run_name if is_alone else f"{run_name}-{checkpoint.name}"
    folder = Path("export") if is_alone else checkpoint.parent / "export"
    about = {
        "run": run_name,
        "step": metadata.get("step"),
        "licence": options.licence or licence_of(metadata),
    }
    run = None if is_alone else checkpoint.parent
    is_offline = options.offline or not options.exporters  # what nobody asked for is not fetched either
    page = functools.partial(_page, model, checkpoint, about["licence"])
    exports = Exports(model, catalog=session.catalog, run=run, about=about, page=page, is_offline=is_offline)
    return exports, folder / name


def _page(model: "Model", checkpoint: Path, licence: str | None, has_noise: bool) -> "dict[str, Any]":
    from imtrans.engine.runs.page_info import page_info

    return page_info(model, checkpoint, has_noise=has_noise, licence=licence or "")


def _assignments(options: ExportOptions) -> Sequence[Assignment]:
    return layer(ConfigFlags(settings=options.settings)).assignments


def _forms(session: Session, options: ExportOptions, base: Path) -> list[Form]:
    """The files that the command line means. ConfigError for an unknown format or type, or a file that exists."""
    catalog = session.catalog
    names = options.exporters or tuple(entry.name for entry in catalog.entries("exporter"))
    components = {name: catalog.component("exporter", name, where="--to") for name in names}
    for assignment in _assignments(options):
        if assignment.path[0] != "inference" and (len(assignment.path) != 2 or assignment.path[0] not in components):
            raise ConfigError(
                f"{assignment.where}: a trained model has this for good",
                hint="Set inference.KEY or FORMAT.OPTION.",
            )
    forms = [
        Form(exporter=_ref(component, options), dtype=dtype, path=_path(base, component, dtype, options))
        for component in components.values()
        for dtype in _dtypes(component, options)
    ]
    if options.output and len(forms) > 1 and Path(options.output).suffix:
        raise ConfigError(f"-o {options.output}: {len(forms)} files need a folder", hint="Give -o FOLDER.")
    taken = next((form.path for form in forms if form.path.exists() and not options.overwrite), None)
    if taken:
        raise ConfigError(f"{taken} exists", hint="Give another -o FILE, or --overwrite.")
    return forms


def _ref(component: Component, options: ExportOptions) -> ComponentRef:
    known = specs(component.options)
    given = {a.path[1]: (a.value, a.where) for a in _assignments(options) if a.path[0] == component.name}
    wrong = next((name for name in given if name not in known), None)
    if wrong:
        raise ConfigError(f"{given[wrong][1]}: exporter {component.name!r} has no option {wrong!r}")
    return ComponentRef(component.name, {k: coerce(v, known[k], where=where) for k, (v, where) in given.items()})


def _dtypes(component: Component, options: ExportOptions) -> Sequence[str]:
    """The types of its files: those that were asked for, else the first; all it has where all forms are measured."""
    from imtrans.engine.export.files import bound_of

    known = list(component.info.dtypes)
    if options.dtypes:
        for dtype in options.dtypes:
            bound_of(component, dtype)
        return options.dtypes
    return known[:1] if options.exporters else known


def _path(base: Path, component: Component, dtype: str, options: ExportOptions) -> Path:
    suffix: str = component.info.suffix
    name = base.name + ("" if dtype == next(iter(component.info.dtypes)) else f"-{dtype}") + suffix
    if options.output is None:
        return base.with_name(name)
    output = Path(options.output)
    if output.is_dir() or not output.suffix:
        return output / name
    if output.suffix != suffix:
        raise ConfigError(f"-o {output}: exporter {component.name!r} writes {suffix} files")
    return output


def _written(exports: "Exports", forms: Sequence[Form], options: ExportOptions) -> "Iterator[ExportedFile]":
    with progress("exporting") as tick:
        for number, form in enumerate(forms):
            tick(number, len(forms))
            try:
                yield exports.write(form.exporter, form.path, dtype=form.dtype, is_timed=options.bench)
            except DownloadError as error:
                if options.exporters:
                    raise
                click.echo(f"Note: {form.exporter.name} is left out: {error.what}", err=True)  # nobody asked for it


def _lines(file: "ExportedFile") -> Iterator[str]:
    meta, found, graph = file.graph.metadata, file.parity, file.graph
    stride = f"{graph.stride}*" if graph.stride > 1 else ""
    source, target = meta["source"]["input"], meta["target"]["output"]
    axes = f"(batch, {stride}h, {stride}w, {{}})"
    yield f"{printable(str(file.path))}: {size_of(file.bytes)}, {graph.dtype}"
    seed = ", seed int32 (batch), negative for no dropout" if meta["noise"] else ""
    yield f"  takes    picture {source['dtype']} {axes.format(source['channels'])}{seed}"
    yield f"  gives    translation {target['dtype']} {axes.format(target['channels'])}, values float32"
    yield f"  policy   {', '.join(_policy(meta['policy'], is_noisy=meta['noise'])) or 'none'}"
    yield f"  parity   largest difference to torch {found.largest:.2g} of values in [-1, 1] (bound {file.bound:g})"
    labels = meta["target"]["kind"] == "labels"
    rest = f"{found.share:.2%} of pixels have another class" if labels else f"at most {found.stored:g} as stored"
    yield f"           {rest}; {file.pictures}"
    yield f"           {file.runtime}"
    if found.noise is not None:
        yield "           dropout is on, and was off for this comparison on both sides;"
        seeds = f"two seeds differ by {found.between_seeds:.2g} on average"
        yield f"           {found.noise:.2g} from the same noise in torch; {seeds}"
    yield f"  report   {printable(f'{file.path}.json')}"


def _policy(policy: "dict[str, Any]", *, is_noisy: bool) -> Iterator[str]:
    words = {
        ("norm", "batch"): "norm batch (each picture's own statistics)",
        ("norm", "running"): "norm running (statistics of training)",
        ("dropout", True): "dropout on" + (" (noise by seed)" if is_noisy else " (the model has none)"),
        ("dropout", False): "dropout off",
    }
    yield from (words.get((key, value), f"{key} {value}") for key, value in policy.items())


def _records(exports: "Exports", files: "Sequence[ExportedFile]", options: ExportOptions) -> Any:
    records = [{**file.record(), "path": str(file.path) if options.exporters else None} for file in files]
    if options.bench:
        return {"model": {"runtime": "torch", "ms": exports.ms_of_model()}, "forms": records}
    return records[0] if len(records) == 1 else records


def _bench_lines(ms_of_model: float, files: "Sequence[ExportedFile]") -> Iterator[str]:
    heads = ("form", "ms a picture", "size", "largest difference", "as stored")
    rows = [heads, ("model in torch", f"{ms_of_model:.1f}", "", "", "")]
    for file in files:
        found = file.parity
        stored = f"{found.stored:.2%}" if file.graph.metadata["target"]["kind"] == "labels" else f"{found.stored:g}"
        cells = (f"{file.exporter} {file.graph.dtype}", f"{file.ms:.1f}", size_of(file.bytes), f"{found.largest:.2g}")
        rows.append((*cells, stored))
    yield from table(rows)
    shape = files[0].graph.metadata["size"]
    yield f"one picture of {shape[0]} x {shape[1]} pixels at a time, on this CPU; {files[0].pictures}"
