"""imtrans translate"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imtrans.cli.session import Session
from imtrans.errors import ConfigError, DataError, printable

if TYPE_CHECKING:
    from imtrans.engine.inference.scale import SizeChange, SizeChoice
    from imtrans.engine.inference.translator import Translator


@click.command("translate")
@click.argument("run")
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.option(
    "-o", "--output", required=True, metavar="OUT", help="Folder for the pictures (or a file, for one picture)."
)
@click.option("--device", default="auto", help="cpu, cuda, cuda:N, mps or auto.")
@click.option("--seed", default=0, help="Seed of the noise of dropout.")
@click.option("--overwrite", is_flag=True, help="Replace pictures that exist.")
@click.option(
    "--source-range", metavar="LOW,HIGH", help="Values of the pictures that mean the ends of training's range."
)
@click.option(
    "--size",
    default="train",
    show_default=True,
    metavar="SIZE",
    help="train: the scale of training; native: as they are; N: the shorter side; H,W: height and width.",
)
@click.option("--whole", is_flag=True, help="Translate pictures that look like whole pairs as they are.")
@click.pass_obj
def command(
    session: Session,
    run: str,
    inputs: tuple[str, ...],
    output: str,
    device: str,
    seed: int,
    overwrite: bool,
    source_range: str | None,
    size: str,
    whole: bool,
) -> int:
    """Translate pictures (files or folders) with the newest checkpoint of RUN, or with RUN@best or RUN@step-400."""
    from imtrans.api import load
    from imtrans.engine.device import tune_malloc
    from imtrans.engine.inference.scale import size_of
    from imtrans.kit.images import suffix_for

    tune_malloc()
    limits, choice = _limits(source_range) if source_range else None, size_of(size)
    translator = load(run, device=device, plugins=session.plugins)
    suffix = suffix_for(translator.target)
    jobs = plan([Path(i) for i in inputs], Path(output), is_overwriting=overwrite, suffix=suffix)
    options = {"seed": seed, "source_range": limits, "is_whole": whole, "size": choice}
    faults, sizes = _translate(translator, jobs, options)
    done = len(jobs) - len(faults)
    click.echo(f"{done} of {len(jobs)} pictures translated to {output}")
    if pairs := sum(size.is_half for size in sizes):
        what = f"{pairs} of them look like the whole pairs that the model was trained on"
        click.echo(f"Note: {what}: their {translator.source_half} half was translated (--whole: as they are)", err=True)
    for line in _scale_notes(sizes, choice):
        click.echo(line, err=True)
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
    from imtrans.kit.formats import SUFFIXES
    from imtrans.kit.picture_files import find_pictures

    for path in inputs:
        if path.is_dir():
            found = find_pictures(path)
            if not found.names:
                raise DataError(f"0 pictures in {path}{found.rest_text()}", hint=f"Looked for {' '.join(SUFFIXES)}.")
            yield from ((path / name, Path(name)) for name in found.names)
            for note in found.notes():
                click.echo(f"Note: {printable(str(path))}: {note}", err=True)
        elif path.exists():
            yield path, Path(path.name)
        else:
            raise DataError(f"{path}: no such file or folder", hint="Give pictures, or a folder that holds some.")


def _limits(text: str) -> tuple[float, float]:
    try:
        low, high = (float(number) for number in text.strip("[]").split(","))
    except ValueError:
        raise ConfigError(f"--source-range {text!r}: must be two numbers", hint="For example: 0,255") from None
    return low, high


def _scale_notes(sizes: Sequence["SizeChange"], choice: "SizeChoice") -> Iterable[str]:
    """What was made smaller or larger, and whether that is not the scale that the model knows."""
    from imtrans.engine.inference.scale import TOLERANCE

    changed = [size for size in sizes if size.before != size.after]
    if changed and choice == "train":
        rest = f" ({len(changed)} pictures)" if len(changed) > 1 else ""
        yield f"Note: brought to the scale of training: {changed[0]}{rest}; --size native keeps their size"
    far = [s for s in sizes if max(s.magnification, 1 / s.magnification) > TOLERANCE]
    if far and choice != "train":
        times = far[0].magnification
        what = f"{times:.2g} times larger" if times > 1 else f"{1 / times:.2g} times smaller"
        advice = "without --size they are brought to the scale that the model knows"
        yield f"Warning: in {len(far)} of {len(sizes)} pictures things are {what} than in training; {advice}"


def _translate(
    translator: "Translator", jobs: Sequence[tuple[Path, Path]], options: Mapping[str, Any]
) -> tuple[list[str], list["SizeChange"]]:
    """What could not be translated, and the sizes of what was."""
    from rich.console import Console
    from rich.progress import track

    from imtrans.kit.images import encode

    faults, sizes = [], []
    screen = Console(file=sys.stderr)
    for source, target in track(jobs, description="translating", console=screen, disable=not screen.is_terminal):
        try:
            picture = translator.translate(source, **options)
            sizes.append(translator.size_change(source, options["size"], is_whole=options["is_whole"]))
        except DataError as error:  # one bad picture of thousands must not stop the rest
            faults.append(f"{error.what} {error.hint}".strip())
            continue
        _make_folder(target.parent)
        encode(target, picture, palette=translator.target.palette)
    return faults, sizes


def _make_folder(folder: Path) -> None:
    from imtrans.errors import ResourceError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"{folder}: {error.strerror}", hint="Give an -o folder that can be written.") from None
