"""Which pictures are translated, and where each result goes."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import click

from imtrans.errors import ConfigError, DataError, printable

Existing = Literal["refuse", "overwrite", "continue"]


class Job(NamedTuple):
    """A picture, and for each seed the file that its translation is written to; for None a map of its uncertainty."""

    source: Path
    targets: tuple[tuple[int | None, Path], ...]


def plan(
    inputs: Sequence[str],
    output: Path,
    *,
    existing: Existing,
    suffix: str = "",
    seeds: Sequence[int] = (0,),
    has_maps: bool = False,
) -> tuple[list[Job], int]:
    """Every picture with its outputs, and how many are there already, which are left out with "continue".

    Outputs in a folder end in `suffix`, those of several seeds in `-seed1` and so on, maps of uncertainty in
    `-uncertainty.png`. ConfigError, before any work,
    where an output would be written twice or would replace a file; DataError for inputs that do not exist.
    """
    files = list(_files(inputs))
    # One picture to a name with a suffix is a file; -o OUT without one stays a folder, as for many.
    is_single = len(files) == 1 and len(inputs) == 1 and not Path(inputs[0]).is_dir()
    is_file = is_single and output.suffix != "" and not output.is_dir()
    bases = [(file, output if is_file else output / name.with_suffix(suffix)) for file, name in files]
    jobs = [Job(file, tuple(_targets(base, seeds, has_map=has_maps))) for file, base in bases]
    return settled(jobs, existing)


def settled(jobs: list[Job], existing: Existing) -> tuple[list[Job], int]:
    """The jobs that are left to do, and how many outputs are there already. ConfigError as for `plan`."""
    _check_distinct(jobs)
    if existing != "continue":
        _check_free(jobs, is_overwriting=existing == "overwrite")
        return jobs, 0
    left = [Job(job.source, tuple(each for each in job.targets if not each[1].exists())) for job in jobs]
    open_jobs = [job for job in left if job.targets]
    return open_jobs, sum(len(job.targets) for job in jobs) - sum(len(job.targets) for job in open_jobs)


def _targets(base: Path, seeds: Sequence[int], *, has_map: bool) -> Iterator[tuple[int | None, Path]]:
    for seed in seeds:
        yield seed, base.with_name(f"{base.stem}-seed{seed}{base.suffix}") if len(seeds) > 1 else base
    if has_map:
        yield None, base.with_name(f"{base.stem}-uncertainty.png")


def _check_distinct(jobs: Sequence[Job]) -> None:
    source_of: dict[Path, Path] = {}
    for job in jobs:
        for _, target in job.targets:
            if target in source_of:
                raise ConfigError(
                    f"{source_of[target]} and {job.source} would both become {target}",
                    hint="Translate them into two folders.",
                )
            source_of[target] = job.source


def _check_free(jobs: Sequence[Job], *, is_overwriting: bool) -> None:
    if is_overwriting:
        return
    sources = {job.source.resolve() for job in jobs}  # resolved: a link to an input is that input
    for job in jobs:
        for _, target in job.targets:
            if target.resolve() in sources:
                raise ConfigError(f"{target} is an input", hint="Give another -o folder, or --overwrite.")
            if target.exists():
                hint = "Give another -o folder; --continue makes those that are missing; --overwrite makes all again."
                raise ConfigError(f"{target} exists (from {job.source.name})", hint=hint)


def _files(inputs: Iterable[str]) -> Iterator[tuple[Path, Path]]:
    from imtrans.kit.formats import SUFFIXES
    from imtrans.kit.picture_files import find_pictures

    for path in expanded(inputs):
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


def expanded(inputs: Iterable[str]) -> Iterator[Path]:
    """Paths; a pattern such as "in/*.png", which the shells of Windows leave as it is, gives all that fit it."""
    for text in inputs:
        if Path(text).exists() or not glob.has_magic(text):
            yield Path(text)
            continue
        fitting = sorted(glob.glob(text, recursive=True))
        if not fitting:
            raise DataError(f"{text}: nothing fits this pattern", hint="Give pictures, or a folder that holds some.")
        yield from map(Path, fitting)
