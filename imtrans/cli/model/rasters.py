"""imtrans translate, of files of formats that plugins read by windows"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imtrans.cli.model.stored_inputs import is_stored
from imtrans.cli.model.translate_options import TranslateOptions
from imtrans.cli.session import Session
from imtrans.cli.shared.progress import counted
from imtrans.cli.shared.translation_plan import Job, expanded, settled
from imtrans.errors import ConfigError, DataError, printable
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Component, ComponentRef
from imtrans.plugins.options import CliText

if TYPE_CHECKING:
    from imtrans.engine.inference.raster_translation import RasterWork
    from imtrans.engine.inference.scale import SizeChange
    from imtrans.interfaces import Format


PLAIN = "Give --format png, tif, ... for plain pictures."


@dataclass(frozen=True)
class RasterInput:
    """A file, its name below the output folder without its suffix, the format that reads it, and that of the result."""

    path: Path
    name: Path
    format: "Format"
    written: "Format"


def raster_inputs(session: Session, options: TranslateOptions) -> list[RasterInput]:
    """The inputs that formats of plugins recognise; nothing where they are to become plain pictures (--format png).

    ConfigError for such files beside others.
    """
    formats = _Formats(session.catalog, options.format_options)
    written = formats.written(options)
    if (options.given_suffix and not written) or not formats.suffixes:
        _check_no_options(options)
        return []
    found: list[RasterInput] = []
    others = [text for text in options.inputs if is_stored(text)]
    for path in expanded(text for text in options.inputs if not is_stored(text)):
        for file, name in _files(path, formats):
            known = formats.of(file)
            if known:
                stem = name.with_name(_stem(name.name, known.info.suffixes))
                found.append(RasterInput(file, stem, formats.made(known), formats.plain(written or known)))
            else:
                others.append(str(file))
    if not found:
        _check_no_options(options)
        if written and options.given_suffix:
            raise ConfigError(f"--format {written.name}: {others[0]} is no file of such a format", hint=PLAIN)
    if found and others:
        hint = "Translate them with a command each."
        raise ConfigError(f"{found[0].path} is of a format of its own, {others[0]} is not", hint=hint)
    return found


def translate_rasters(session: Session, options: TranslateOptions, inputs: Sequence[RasterInput]) -> int:
    """Translate these files; the exit code. One that cannot be read is said, and the others are done."""
    _check(options, inputs[0].path)
    jobs, finished = _jobs(options, inputs)
    left = {str(job.source): job.targets[0][1] for job in jobs}
    work, faults = _work(session, options), 0
    for each in (each for each in inputs if str(each.path) in left):
        try:
            _translate(work, each, left[str(each.path)])
        except DataError as error:
            if len(jobs) == 1:
                raise
            faults += 1
            click.echo(f"Error: {printable(f'{error.what} {error.hint}'.strip())}", err=True)
    click.echo(f"{len(jobs) - faults} of {len(jobs)} files translated to {options.output}")
    if finished:
        click.echo(f"Note: {len(finished)} were there already (--continue)", err=True)
    return 3 if faults else 0


def _jobs(options: TranslateOptions, inputs: Sequence[RasterInput]) -> tuple[list[Job], list[Job]]:
    output = Path(options.output)
    # A "file" of some formats is a folder, such as x.ome.zarr.
    is_named = output.name.lower().endswith(inputs[0].written.suffix(inputs[0].path))
    is_file = len(inputs) == 1 and output.suffix != "" and (is_named or not output.is_dir())
    targets = [output if is_file else output / _named(each) for each in inputs]
    return settled([Job(i.path, ((0, t),)) for i, t in zip(inputs, targets, strict=True)], options.existing)


def _named(given: RasterInput) -> Path:
    return given.name.with_name(f"{given.name.name}{given.written.suffix(given.path)}")


def _stem(name: str, suffixes: Sequence[str]) -> str:
    """A name without the longest of these suffixes: one may have two dots, which Path.stem does not know. A folder that
    is one thing may have none."""
    longest = max((len(suffix) for suffix in suffixes if name.lower().endswith(suffix)), default=0)
    return name[: len(name) - longest]


def _check_no_options(options: TranslateOptions) -> None:
    for key in options.format_options:
        what = f"--set format.{key}: no input is of a format of its own that has options"
        raise ConfigError(what, hint="Leave it out. `imtrans list formats` shows them.")


def _check(options: TranslateOptions, path: Path) -> None:
    """ConfigError for options that are made for pictures."""
    from imtrans.kit.formats import is_picture

    chosen = {"samples": options.samples > 1, "uncertainty": options.uncertainty, "compare": options.compare}
    chosen |= {"part": bool(options.part), "manifest": bool(options.manifest), "grid": options.grid is not None}
    chosen |= {"whole": options.whole, "instances": bool(options.instances)}
    hint = (
        "Leave it out, or add --format png to translate the pixels alone." if is_picture(path.name) else "Leave it out."
    )
    for flag, is_given in chosen.items():
        if is_given:
            what = f"--{flag}: is for plain pictures, {path} keeps what its format says beside the pixels"
            raise ConfigError(what, hint=hint)
    if options.size not in ("train", "native"):
        what = f"--size {options.size}: {path} is translated pixel by pixel, so that its place stays true"
        raise ConfigError(what, hint=hint)


def _work(session: Session, options: TranslateOptions) -> "RasterWork":
    from imtrans.engine.device import tune_malloc
    from imtrans.engine.inference.raster_translation import RasterWork

    tune_malloc()
    translator, reading = options.opened(session.plugins), options.reading
    return RasterWork(
        translator=translator, limits=options.limits, seed=options.seed, source_range=reading.source_range
    )


def _translate(work: "RasterWork", given: RasterInput, target: Path) -> None:
    with counted("translating", total=1) as tick:
        kinds = (given.format, given.written)
        change, notes = work.run(kinds, given.path, target, lambda done, count: tick(done / count))
    for note in notes:
        click.echo(f"Note: {printable(f'{given.path}: {note}')}", err=True)
    if line := _scale_warning(given.path, change):
        click.echo(line, err=True)


def _scale_warning(source: Path, change: "SizeChange") -> str:
    """What is to be said of a file in which things are much smaller or larger than the model knows."""
    from imtrans.engine.inference.scale import TOLERANCE

    times = change.magnification
    if max(times, 1 / times) <= TOLERANCE:
        return ""
    than = f"{times:.2g} times larger" if times > 1 else f"{1 / times:.2g} times smaller"
    return printable(f"Warning: {source}: things are {than} than in training, and the file keeps its own size")


class _Formats:
    """The formats of all plugins, made when a file has a suffix of theirs."""

    def __init__(self, catalog: Catalog, options: Mapping[str, CliText]) -> None:
        self._catalog, self._options = catalog, options
        self._components = [e.thing for e in catalog.entries() if e.kind == "format" and isinstance(e.thing, Component)]
        self._made: dict[tuple[str, bool], Format] = {}

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Those of all formats."""
        return tuple(s for c in self._components for s in c.info.suffixes)

    def written(self, options: TranslateOptions) -> Component | None:
        """The format that is asked for by --format, or that alone has files of the suffix of -o FILE."""
        if options.given_suffix:
            return next((c for c in self._components if f".{c.name}" == options.given_suffix), None)
        fitting = [c for c in self._components if options.output.lower().endswith(tuple(c.info.suffixes))]
        return fitting[0] if len(fitting) == 1 else None

    def of(self, file: Path) -> Component | None:
        """The first format that recognises a file, or a folder as one thing."""
        for component in self._components:
            info = component.info
            is_like_one = file.name.lower().endswith(tuple(info.suffixes)) or (info.has_folders and _may_be_one(file))
            if is_like_one and self.plain(component).recognises(file):
                return component
        return None

    def made(self, component: Component) -> "Format":
        """A format with the options of the command line. ConfigError where it has no such options."""
        return self._format(component, has_options=True)

    def plain(self, component: Component) -> "Format":
        """A format without options, which is all that recognising and writing need."""
        return self._format(component, has_options=False)

    def _format(self, component: Component, *, has_options: bool) -> "Format":
        from imtrans.engine.build import ComponentFactory

        key = (component.name, has_options)
        if key not in self._made:
            ref = ComponentRef(component.name, self._options if has_options else {})
            self._made[key] = ComponentFactory(self._catalog).make("format", ref)
        return self._made[key]


def _files(path: Path, formats: _Formats) -> Iterator[tuple[Path, Path]]:
    """A file, or what is in a folder, with the names below it."""
    if not path.is_dir() or path.name.lower().endswith(formats.suffixes) or formats.of(path):
        yield path, Path(path.name)
    else:
        yield from ((file, file.relative_to(path)) for file in sorted(_below(path, formats)))


def _may_be_one(folder: Path) -> bool:
    """Whether it is a folder, and not one of pictures, to see which no format has to be made: that takes a second."""
    from imtrans.kit.formats import is_picture

    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        first = next((entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()), "")
    return first != "" and not is_picture(first)


def _below(top: Path, formats: _Formats) -> Iterator[Path]:
    """Files below a folder that are pictures or end in a suffix of a format, and folders that are one thing."""
    from imtrans.kit.formats import is_picture

    for folder, folders, names in os.walk(top):
        shown = [name for name in folders if not name.startswith(".")]
        whole = [n for n in shown if n.lower().endswith(formats.suffixes) or formats.of(Path(folder, n))]
        folders[:] = [name for name in shown if name not in whole]
        files = [n for n in names if n[0] != "." and (n.lower().endswith(formats.suffixes) or is_picture(n))]
        yield from (Path(folder, name) for name in (*whole, *files))
