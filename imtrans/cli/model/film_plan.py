"""Which inputs of a translation are films and cameras, and where each film goes."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from imtrans.cli.shared.translation_plan import Existing, Job, expanded, settled
from imtrans.errors import ConfigError, printable

CAMERA = "camera:"


def film_inputs(inputs: Sequence[str]) -> list[tuple[Path, Path]]:
    """Each film or camera, with its name below the output folder; nothing where pictures are to be translated.

    Of a folder they are the films if it holds no pictures. ConfigError for films beside other inputs.
    """
    films: list[tuple[Path, Path]] = []
    others: list[str] = []
    for text in inputs:
        found = _films(text)
        films += found
        others += [] if found else [text]
    if films and others:
        hint = "Translate them with a command each."
        raise ConfigError(f"{films[0][0]} is a film, {others[0]} is not: one kind at a time", hint=hint)
    cameras = [film for film, _ in films if is_camera(film)]
    if cameras and len(films) > 1:
        raise ConfigError(f"{cameras[0]}: a camera is translated alone", hint="Use a command for each.")
    return films


def film_jobs(
    inputs: Sequence[str], films: Sequence[tuple[Path, Path]], output: Path, *, existing: Existing, suffix: str
) -> tuple[list[Job], list[Job]]:
    """As `plan` of pictures: every film with its output, and those that are there already, which are left out."""
    is_single = len(films) == len(inputs) == 1 and not Path(inputs[0]).is_dir()
    is_file = is_single and output.suffix != "" and not output.is_dir()
    targets = [output if is_file else output / _named(name, suffix) for _, name in films]
    return settled([Job(film, ((0, target),)) for (film, _), target in zip(films, targets, strict=True)], existing)


def is_camera(film: Path) -> bool:
    """Whether an input is a camera."""
    return str(film).startswith(CAMERA)


def _named(name: Path, suffix: str) -> Path:
    from imtrans.kit.formats import WRITTEN_FILMS

    own = name.suffix.lower()
    return name.with_suffix(suffix or (own if own in WRITTEN_FILMS else ".mp4"))


def _films(text: str) -> list[tuple[Path, Path]]:
    from imtrans.kit.formats import is_film

    if text.startswith(CAMERA) and not os.path.exists(text):
        return [(Path(text), Path(text.replace(":", "-")))]
    found: list[tuple[Path, Path]] = []
    for path in expanded([text]):
        if path.is_dir():
            found += _below(path)
        elif is_film(path.name):
            found.append((path, Path(path.name)))
    return found


def _below(folder: Path) -> list[tuple[Path, Path]]:
    from imtrans.kit.formats import is_film
    from imtrans.kit.picture_files import find_pictures

    films = sorted(p for p in folder.rglob("*") if is_film(p.name) and p.is_file())
    if films and find_pictures(folder).names:
        note = f"films in it ({len(films)}) are left out, as it holds pictures; name them to translate them"
        click.echo(f"Note: {printable(str(folder))}: {note}", err=True)
        return []
    return [(film, film.relative_to(folder)) for film in films]
