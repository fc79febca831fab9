"""imtrans translate"""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from imtrans.cli.session import Session
from imtrans.errors import ConfigError, DataError, printable


@click.command("translate")
@click.argument("run")
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.option(
    "-o", "--output", required=True, metavar="OUT", help="Folder for the pictures (or a file, for one picture)."
)
@click.option("--device", default="auto", help="cpu, cuda, cuda:N, mps or auto.")
@click.option("--seed", default=0, help="Seed of the noise of dropout.")
@click.option("--overwrite", is_flag=True, help="Replace pictures that exist.")
@click.pass_obj
def command(
    session: Session, run: str, inputs: tuple[str, ...], output: str, device: str, seed: int, overwrite: bool
) -> int:
    """Translate pictures (files or folders) with the newest checkpoint of RUN."""
    from imtrans.api import load
    from imtrans.engine.device import tune_malloc
    from imtrans.kit.images import suffix_for

    tune_malloc()
    translator = load(run, device=device, plugins=session.plugins)
    suffix = suffix_for(translator.target)
    jobs = plan([Path(i) for i in inputs], Path(output), is_overwriting=overwrite, suffix=suffix)
    faults = _translate(translator, jobs, seed=seed)
    done = len(jobs) - len(faults)
    click.echo(f"{done} of {len(jobs)} pictures translated to {output}")
    for fault in faults:
        click.echo(f"Error: {printable(fault)}", err=True)
    return 3 if faults else 0  # as DataError; the other pictures are written


def plan(
    inputs: Sequence[Path], output: Path, *, is_overwriting: bool, suffix: str = ".png"
) -> list[tuple[Path, Path]]:
    """Every input file with its output, which in a folder ends in `suffix`.

    ConfigError, before any work, where an output would be written twice or would overwrite a file; DataError for inputs
    that do not exist.
    """
    files = list(_files(inputs))
    # One picture to a name with a suffix is a file; -o OUT without one stays a folder, as for many.
    is_file = len(files) == 1 and inputs[0].is_file() and output.suffix != "" and not output.is_dir()
    jobs = [(f, output if is_file else output / name.with_suffix(suffix)) for f, name in files]
    source_of: dict[Path, Path] = {}
    for source, target in jobs:
        if target in source_of:
            raise ConfigError(
                f"{source_of[target]} and {source} would both become {target}", hint="Translate them into two folders."
            )
        source_of[target] = source
    sources = {f.resolve() for f, _ in files}  # resolved: a link to an input is that input
    for source, target in jobs:
        if target.resolve() in sources and not is_overwriting:
            raise ConfigError(f"{target} is an input", hint="Give another -o folder, or --overwrite.")
        if target.exists() and not is_overwriting:
            raise ConfigError(f"{target} exists (from {source.name})", hint="Give another -o folder, or --overwrite.")
    return jobs


def _files(inputs: Iterable[Path]) -> Iterable[tuple[Path, Path]]:
    from imtrans.kit.formats import SUFFIXES, is_picture

    for path in inputs:
        if path.is_dir():
            pictures = sorted(Path(d) / f for d, _, names in os.walk(path) for f in names if is_picture(f))
            if not pictures:
                raise DataError(f"0 pictures in {path}; looked for {' '.join(SUFFIXES)}")
            yield from ((f, f.relative_to(path)) for f in pictures)
        elif path.exists():
            yield path, Path(path.name)
        else:
            raise DataError(f"{path}: no such file or folder", hint="Give pictures, or a folder that holds some.")


def _translate(translator: Any, jobs: Sequence[tuple[Path, Path]], *, seed: int) -> list[str]:
    from rich.console import Console
    from rich.progress import track

    from imtrans.kit.images import encode

    faults = []
    screen = Console(file=sys.stderr)
    for source, target in track(jobs, description="translating", console=screen, disable=not screen.is_terminal):
        try:
            picture = translator.translate(source, seed=seed)
        except DataError as error:  # one bad picture of thousands must not stop the rest
            faults.append(error.what)
            continue
        _make_folder(target.parent)
        encode(target, picture, palette=translator.target.palette)
    return faults


def _make_folder(folder: Path) -> None:
    from imtrans.errors import ResourceError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"{folder}: {error.strerror}", hint="Give an -o folder that can be written.") from None
