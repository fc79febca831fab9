"""imtrans translate, of films and cameras"""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imtrans.cli.model.film_plan import film_jobs, is_camera
from imtrans.cli.model.translate_options import TranslateOptions, size_notes
from imtrans.cli.session import Session
from imtrans.cli.shared.progress import counted
from imtrans.cli.shared.translation_plan import Existing
from imtrans.errors import ConfigError, DataError, Interrupted, Terminated, printable

if TYPE_CHECKING:
    from imtrans.engine.inference.video.film_parts import FilmParts
    from imtrans.engine.inference.video.film_translation import FilmOutcome, FilmWork
    from imtrans.engine.inference.video.frames import FrameSource


def translate_films(session: Session, options: TranslateOptions, films: Sequence[tuple[Path, Path]]) -> int:
    """Translate films, or a camera; the exit code. A film that cannot be read is said, and the others are done."""
    from imtrans.engine.inference.video.frames import check_installed

    _check(options, films)
    check_installed()
    output, existing = Path(options.output), options.existing
    jobs, finished = film_jobs(options.inputs, films, output, existing=existing, suffix=options.given_suffix)
    work, faults = _work(session, options, [job.targets[0][1] for job in jobs]), 0
    for job in jobs:
        try:
            _translate(work, Path(str(job.source)), job.targets[0][1], existing)
        except DataError as error:
            if len(jobs) == 1:
                raise
            faults += 1
            click.echo(f"Error: {printable(f'{error.what} {error.hint}'.strip())}", err=True)
    if finished:
        click.echo(f"Note: {len(finished)} were there already (--continue)", err=True)
    return 3 if faults else 0


def _check(options: TranslateOptions, films: Sequence[tuple[Path, Path]]) -> None:
    """ConfigError for options that are made for pictures."""
    chosen = {"samples": options.samples > 1, "uncertainty": options.uncertainty}
    chosen |= {"grid": options.grid is not None, "whole": options.whole}
    for flag, is_given in chosen.items():
        if is_given:
            raise ConfigError(f"--{flag}: is for pictures, {films[0][0]} is a film", hint="Leave it out.")


def _work(session: Session, options: TranslateOptions, targets: Sequence[Path]) -> "FilmWork":
    from imtrans.engine.device import tune_malloc
    from imtrans.engine.inference.video.film_encoder import encoding_for
    from imtrans.engine.inference.video.film_translation import FilmWork

    for target in targets:
        encoding_for(target.suffix)  # before any work
    tune_malloc()
    translator = options.opened(session.plugins)
    policy = translator.model.config.inference
    dropout = "on, with one mask" if getattr(policy, "dropout", False) else "off"
    what = f"seed {options.seed}, norm statistics '{getattr(policy, 'norm', 'batch')}', dropout {dropout}"
    click.echo(f"Note: the same for every frame: {what}", err=True)
    return FilmWork(
        translator=translator,
        reading=options.reading,
        limits=options.limits,
        seed=options.seed,
        steady=options.steady,
        frames=options.frames,
        seconds=options.seconds,
        is_compared=options.compare,
    )


def _translate(work: "FilmWork", film: Path, target: Path, existing: Existing) -> None:
    source = _source(film)
    parts = work.parts(source, target)
    parts.open(is_continued=existing == "continue", is_overwriting=existing == "overwrite")
    try:
        outcome = _with_progress(work, source, target, parts)
    except KeyboardInterrupt as stopped:
        number = signal.SIGTERM if isinstance(stopped, Terminated) else signal.SIGINT
        hint = f"They are in {parts.folder}; --continue goes on with the rest." if parts.count else ""
        raise Interrupted(f"{film}: interrupted, {parts.count} frames are kept", signal=number, hint=hint) from None
    finally:
        parts.remove_empty()
    click.echo(f"{film}: {outcome.frames} frames translated to {target}")
    for line in outcome.flicker.lines():
        click.echo(line)
    for note in outcome.notes:
        click.echo(f"Note: {printable(f'{film}: {note}')}", err=True)
    for line in size_notes(outcome.sizes, work.reading.size, kind="films"):
        click.echo(line, err=True)


def _source(film: Path) -> "FrameSource":
    from imtrans.engine.inference.video.camera import Camera
    from imtrans.engine.inference.video.film_reader import FilmReader

    return Camera(str(film)) if is_camera(film) else FilmReader(film)


def _with_progress(work: "FilmWork", source: "FrameSource", target: Path, parts: "FilmParts") -> "FilmOutcome":
    with counted("translating", total=min(filter(None, (source.count, work.frames)), default=None)) as tick:
        return work.run(source, target, parts=parts, tick=tick)
