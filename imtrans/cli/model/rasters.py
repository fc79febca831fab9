"""imtrans translate, of files of formats that plugins read by windows"""

import os
from collections.abc import Iterator, Sequence
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

if TYPE_CHECKING:
    from imtrans.engine.inference.raster_translation import RasterWork
    from imtrans.engine.inference.scale import SizeChange
    from imtrans.interfaces import Format


@dataclass(frozen=True)
class RasterInput:
    """A file, its name below the output folder, and the format that recognises it."""

    path: Path
    name: Path
    format: "Format"


def raster_inputs(session: Session, options: TranslateOptions) -> list[RasterInput]:
    """The inputs that formats of plugins recognise; nothing where another type of file is asked for (--format).

    ConfigError for such files beside others.
    """
    formats = _Formats(session.catalog)
    if options.given_suffix or not formats.suffixes:
        return []
    found: list[RasterInput] = []
    others = [text for text in options.inputs if is_stored(text)]
    for path in expanded(text for text in options.inputs if not is_stored(text)):
        for file, name in _files(path, formats):
            known = formats.of(file)
            if known:
                found.append(RasterInput(file, name, known))
            else:
                others.append(str(file))
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
    is_file = len(inputs) == 1 and output.suffix != "" and not output.is_dir()
    targets = [output if is_file else output / _named(each) for each in inputs]
    return settled([Job(i.path, ((0, t),)) for i, t in zip(inputs, targets, strict=True)], options.existing)


def _named(given: RasterInput) -> Path:
    suffix = given.format.suffix(given.path)
    stem = given.name.name
    if not suffix:  # a folder
        return given.name
    # A suffix may have two dots, which Path.with_suffix does not know.
    stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else given.name.stem
    return given.name.with_name(f"{stem}{suffix}")


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
        change, notes = work.run(given.format, given.path, target, lambda done, count: tick(done / count))
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

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._components = [e.thing for e in catalog.entries() if e.kind == "format" and isinstance(e.thing, Component)]
        self._made: dict[str, Format] = {}

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Those of all formats."""
        return tuple(s for c in self._components for s in c.info.suffixes)

    def of(self, file: Path) -> "Format | None":
        """The first format that recognises a file, or a folder as one thing."""
        for component in self._components:
            info = component.info
            if file.name.lower().endswith(tuple(info.suffixes)) or (info.has_folders and _may_be_one(file)):
                made = self._format(component.name)
                if made.recognises(file):
                    return made
        return None

    def _format(self, name: str) -> "Format":
        from imtrans.engine.build import ComponentFactory

        if name not in self._made:
            self._made[name] = ComponentFactory(self._catalog).make("format", ComponentRef(name))
        return self._made[name]


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
