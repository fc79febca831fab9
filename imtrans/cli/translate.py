"""imtrans translate"""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import as_record
from imtrans.cli.shared.translation_plan import Existing, Job, plan
from imtrans.errors import ConfigError, ImtransError, printable

if TYPE_CHECKING:
    from imtrans.engine.inference.scale import SizeChange, SizeChoice
    from imtrans.engine.inference.translate_files import Outcome, Work
    from imtrans.engine.inference.translator import Translator

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True, kw_only=True)
class TranslateOptions:
    """The command line of `imtrans translate`."""

    run: str
    inputs: tuple[str, ...]
    output: str
    device: str
    seed: int
    samples: int
    continues: bool
    overwrite: bool
    suffix: str | None
    compare: bool
    grid: str | None
    source_range: str | None
    size: str
    tile: int
    memory: str | None
    whole: bool


@click.command("translate")
@click.argument("run")
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.option(
    "-o", "--output", required=True, metavar="OUT", help="Folder for the pictures (or a file, for one picture)."
)
@click.option("--device", default="auto", help="cpu, cuda, cuda:N, mps or auto.")
@click.option("--seed", default=0, help="Seed of the noise of dropout.")
@click.option(
    "--samples", default=1, type=click.IntRange(1), help="So many results of each picture, by seeds from --seed on."
)
@click.option("--continue", "continues", is_flag=True, help="Leave pictures that exist, and make the others.")
@click.option("--overwrite", is_flag=True, help="Replace pictures that exist.")
@click.option(
    "--format", "suffix", metavar="SUFFIX", help="png, tif, jpg ... instead of what holds the results exactly."
)
@click.option("--compare", is_flag=True, help="Write the source beside each result.")
@click.option("--grid", metavar="FILE", help="Also write a sheet of the first sources and results.")
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
@click.option("--tile", default=0, type=click.IntRange(0), metavar="N", help="Translate in tiles of N pixels.")
@click.option(
    "--memory", metavar="SIZE", help="What a picture may take before it is tiled: 2GB. Without: half of what is free."
)
@click.option("--whole", is_flag=True, help="Translate pictures that look like whole pairs as they are.")
@click.pass_obj
@as_record(TranslateOptions)
def command(session: Session, options: TranslateOptions) -> int:
    """Translate pictures (files, folders, patterns) with the newest checkpoint of RUN, RUN@best or RUN@step-400.

    EXIF orientation is applied; other metadata of the pictures is not copied.
    """
    from imtrans.api import load
    from imtrans.engine.device import tune_malloc
    from imtrans.engine.inference.translate_files import Outcome, write_sheet

    tune_malloc()
    translator = load(options.run, device=options.device, plugins=session.plugins)
    work, existing = _work(translator, options), _existing(options)
    seeds = range(options.seed, options.seed + options.samples)
    suffix = _suffix(translator, options)
    jobs, finished = plan(options.inputs, Path(options.output), existing=existing, suffix=suffix, seeds=seeds)
    outcome, count = Outcome(), sum(len(job.targets) for job in jobs)
    try:
        _with_progress(work, jobs, outcome)
    except ImtransError as error:
        raise type(error)(error.what, hint=_unfinished(error, outcome, count)) from None
    if options.grid and outcome.rows:
        write_sheet(Path(options.grid), outcome.rows)
    click.echo(f"{outcome.written} of {count} pictures translated to {options.output}")
    if finished:
        click.echo(f"Note: {finished} were there already (--continue)", err=True)
    for line in _notes(translator, outcome.sizes, work.reading.size):
        click.echo(line, err=True)
    for fault in outcome.faults:
        click.echo(f"Error: {printable(fault)}", err=True)
    return 3 if outcome.faults else 0  # as DataError; the other pictures are written


def _work(translator: "Translator", options: TranslateOptions) -> "Work":
    from imtrans.engine.inference.large_pictures import TileLimits
    from imtrans.engine.inference.scale import size_of
    from imtrans.engine.inference.source_reader import ReadOptions
    from imtrans.engine.inference.translate_files import Work

    limits = _limits(options.source_range) if options.source_range else None
    return Work(
        translator=translator,
        reading=ReadOptions(source_range=limits, is_whole=options.whole, size=size_of(options.size)),
        limits=TileLimits(tile=options.tile, memory=_bytes(options.memory)),
        is_compared=options.compare,
        is_sheet=bool(options.grid),
    )


def _existing(options: TranslateOptions) -> Existing:
    if options.continues and options.overwrite:
        raise ConfigError("--continue and --overwrite: not both", hint="--continue keeps what exists.")
    return "continue" if options.continues else "overwrite" if options.overwrite else "refuse"


def _suffix(translator: "Translator", options: TranslateOptions) -> str:
    from imtrans.kit.images import suffix_for

    if options.suffix:
        return f".{options.suffix.lstrip('.').lower()}"
    return ".png" if options.compare else suffix_for(translator.target)


def _with_progress(work: "Work", jobs: Sequence[Job], outcome: "Outcome") -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = Console(file=sys.stderr)
    columns = (TextColumn("translating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as progress:
        task = progress.add_task("", total=len(jobs))
        work.run(jobs, outcome, lambda done: progress.update(task, completed=done))


def _unfinished(error: ImtransError, outcome: "Outcome", count: int) -> str:
    done = (
        f"{outcome.written} of {count} pictures are done; --continue goes on with the rest." if outcome.written else ""
    )
    return "\n".join(filter(None, (error.hint, done)))


def _limits(text: str) -> tuple[float, float]:
    try:
        low, high = (float(number) for number in text.strip("[]").split(","))
    except ValueError:
        raise ConfigError(f"--source-range {text!r}: must be two numbers", hint="For example: 0,255") from None
    return low, high


def _bytes(text: str | None) -> int:
    if text is None:
        return 0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", text.strip().upper())
    if not match or float(match[1]) == 0:
        raise ConfigError(f"--memory {text!r}: is no amount of memory", hint="For example: 4GB or 800MB")
    return int(float(match[1]) * UNITS[match[2]])


def _notes(translator: "Translator", sizes: Sequence["SizeChange"], choice: "SizeChoice") -> Iterable[str]:
    """What is to be said of what was read: whole pairs, and what was made smaller or larger than the model knows."""
    from imtrans.engine.inference.scale import TOLERANCE

    if pairs := sum(size.is_half for size in sizes):
        half = translator.reader.source_half
        what = f"{pairs} of them look like the whole pairs that the model was trained on"
        yield f"Note: {what}: their {half} half was translated (--whole: as they are)"
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
