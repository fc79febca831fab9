"""imtrans translate"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imtrans.cli.model.acceleration_flags import acceleration_flags
from imtrans.cli.model.film_plan import film_inputs
from imtrans.cli.model.films import translate_films
from imtrans.cli.model.rasters import raster_inputs, translate_rasters
from imtrans.cli.model.translate_options import TranslateOptions, pair_notes, size_notes, uncertainty_lines
from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import as_record
from imtrans.cli.shared.progress import counted
from imtrans.cli.shared.translation_plan import Job, count_of, plan
from imtrans.cli.startup import heavy_imports, preload_torch
from imtrans.errors import ConfigError, ImtransError, printable

if TYPE_CHECKING:
    from imtrans.engine.inference.manifest import Manifest
    from imtrans.engine.inference.translate_files import Outcome, Work
    from imtrans.engine.inference.translator import Translator


@click.command("translate")
@click.argument("run")
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.option(
    "-o", "--output", required=True, metavar="OUT", help="Folder for the pictures (or a file, for one picture)."
)
@click.option("--device", default="auto", help="cpu, cuda, cuda:N, mps or auto.")
@acceleration_flags
@click.option(
    "--direction",
    type=click.Choice(["AtoB", "BtoA"]),
    help="Which side of the data is translated, of a model that learned both ways (cyclegan).",
)
@click.option("--seed", default=0, help="Seed of the noise of dropout.")
@click.option(
    "--samples", default=1, type=click.IntRange(1), help="So many results of each picture, by seeds from --seed on."
)
@click.option(
    "--uncertainty", is_flag=True, help="Also a map for each picture: where an ensemble, or --samples, disagree."
)
@click.option("--continue", "continues", is_flag=True, help="Leave pictures that exist, and make the others.")
@click.option("--overwrite", is_flag=True, help="Replace pictures that exist.")
@click.option(
    "--format",
    "suffix",
    metavar="SUFFIX",
    help="png, tif, jpg ..., ome-zarr ... instead of what holds the results exactly.",
)
@click.option("--compare", is_flag=True, help="Write the source beside each result.")
@click.option("--grid", metavar="FILE", help="Also write a sheet of the first sources and results.")
@click.option(
    "--source-range", metavar="LOW,HIGH", help="Values of the pictures that mean the ends of training's range."
)
@click.option("--instances", metavar="DIR", help="Folder of the instance maps of label maps, of the same names.")
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
@click.option(
    "--steady",
    default=0.0,
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Films: less flicker, by so much of the frame before where the picture only moved (0 to 1).",
)
@click.option("--frames", default=0, type=click.IntRange(0), metavar="N", help="Films and cameras: at most N frames.")
@click.option("--seconds", default=0.0, type=click.FloatRange(0), metavar="S", help="... and at most S seconds.")
@click.option(
    "--part",
    metavar="I/N",
    help="Translate part I of N alone, for arrays of jobs; torchrun gives each of its processes a part.",
)
@click.option(
    "--manifest",
    metavar="FILE",
    help="Record what was done and what failed. With --part, addresses or shards: OUT/manifest.jsonl.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="inference.KEY: another policy; format.KEY: of a format.",
)
@click.option("--offline", is_flag=True, help="Of a model on the Hub: use what the cache has, and fetch nothing.")
@click.pass_obj
@as_record(TranslateOptions)
def command(session: Session, options: TranslateOptions) -> int:
    """Translate pictures (files, folders, patterns) with the newest checkpoint of RUN, RUN@best or RUN@step-400.

    IN may also be addresses (s3://BUCKET/FOLDER, https://HOST/PICTURE.png), shards, or a text file that lists pictures
    and addresses; films (film.mp4), or a camera (camera:0) until Ctrl-C. EXIF orientation is applied; other metadata
    of the pictures is not copied.
    """
    if films := film_inputs(options.inputs):
        if options.part or options.manifest:
            raise ConfigError("--part, --manifest: are for pictures", hint="Translate each film by its own command.")
        return translate_films(session, options, films)
    if options.steady or options.frames or options.seconds:
        raise ConfigError("--steady, --frames, --seconds: are for films", hint="Give a film (film.mp4), or camera:0.")
    if rasters := raster_inputs(session, options):
        return translate_rasters(session, options, rasters)
    return _translate_pictures(session, options)


def _translate_pictures(session: Session, options: TranslateOptions) -> int:
    preload_torch()
    plugins = session.plugins  # found meanwhile
    with heavy_imports():
        from imtrans.engine.device import tune_malloc
        from imtrans.engine.inference.translate_files import write_sheet

    tune_malloc()
    translator = options.opened(plugins)
    work = _work(translator, options)
    jobs, finished = _planned(translator, options)
    outcome = _done(work, jobs, finished, options)
    if options.grid and outcome.rows:
        write_sheet(Path(options.grid), outcome.rows)
    maps, count = len(outcome.uncertainties), count_of(jobs)
    beside = f", with {maps} map{'s' * (maps != 1)} of uncertainty" if maps else ""
    click.echo(f"{outcome.written - maps} of {count - maps} pictures translated to {options.output}{beside}")
    if finished:
        click.echo(f"Note: {count_of(finished)} were there already (--continue)", err=True)
    for line in uncertainty_lines(outcome.uncertainties):
        click.echo(line)
    for line in (*pair_notes(translator, outcome.sizes), *size_notes(outcome.sizes, work.reading.size)):
        click.echo(line, err=True)
    for fault in outcome.faults:
        click.echo(f"Error: {printable(fault)}", err=True)
    return 3 if outcome.faults else 0  # as DataError; the other pictures are written


def _planned(translator: "Translator", options: TranslateOptions) -> tuple[list[Job], list[Job]]:
    """The jobs that are left to do, and what is there already."""
    from imtrans.engine.inference.uncertainty import check_spread

    existing, seeds = options.existing, range(options.seed, options.seed + options.samples)
    suffix = _suffix(translator, options)
    if options.uncertainty:
        check_spread(translator, seeds)
    return plan(
        options.inputs,
        Path(options.output),
        existing=existing,
        suffix=suffix,
        seeds=seeds,
        has_maps=options.uncertainty,
        part=options.share,
        side=_side(translator, options),
    )


def _done(work: "Work", jobs: Sequence[Job], finished: Sequence[Job], options: TranslateOptions) -> "Outcome":
    """What became of the jobs, which is also recorded in the manifest, whatever ends them."""
    from imtrans.engine.inference.translate_files import Outcome

    outcome = Outcome(manifest=options.record)
    if outcome.manifest:  # what a killed command wrote and did not record
        outcome.manifest.found(finished, {str(job.source) for job in jobs})
    try:
        _with_progress(work, jobs, outcome)
    except ImtransError as error:
        raise type(error)(error.what, hint=_unfinished(error, outcome, count_of(jobs))) from None
    finally:
        if outcome.manifest:
            click.echo(_recorded(outcome.manifest), err=True)
    return outcome


def _side(translator: "Translator", options: TranslateOptions) -> str:
    """The side of packed samples that the model translates."""
    config = translator.model.config
    # Shards hold as source what was the source where they were packed, whatever the direction of the run was then.
    is_turned = config.dataset.name == "shards" and config.direction == "BtoA"
    return "target" if options.direction == "BtoA" or (is_turned and not options.direction) else "source"


def _recorded(manifest: "Manifest") -> str:
    counts = manifest.close()
    return f"Manifest: {manifest.path}: {counts['done']:,} done, {counts['failed']:,} failed"


def _work(translator: "Translator", options: TranslateOptions) -> "Work":
    from imtrans.engine.inference.translate_files import Work

    return Work(
        translator=translator,
        reading=options.reading,
        limits=options.limits,
        seeds=range(options.seed, options.seed + options.samples),
        is_compared=options.compare,
        is_sheet=bool(options.grid),
    )


def _suffix(translator: "Translator", options: TranslateOptions) -> str:
    from imtrans.kit.images import suffix_for

    return options.given_suffix or (".png" if options.compare else suffix_for(translator.target))


def _with_progress(work: "Work", jobs: Sequence[Job], outcome: "Outcome") -> None:
    with counted("translating", total=len(jobs)) as tick:
        work.run(jobs, outcome, tick)


def _unfinished(error: ImtransError, outcome: "Outcome", count: int) -> str:
    done = (
        f"{outcome.written} of {count} pictures are done; --continue goes on with the rest." if outcome.written else ""
    )
    return "\n".join(filter(None, (error.hint, done)))
