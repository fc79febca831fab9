"""Which pictures are translated, and where each result goes."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import click

from imtrans.cli.model.stored_inputs import Picture, is_stored, stored_inputs
from imtrans.errors import ConfigError, DataError, printable
from imtrans.partial_output import sweep_partials

Existing = Literal["refuse", "overwrite", "continue"]


class Part(NamedTuple):
    """Part `number` of `parts`, from 1 on."""

    number: int
    parts: int

    def holds(self, name: Path) -> bool:
        """Whether a picture of this name is in the part: by its name alone, whatever else there is."""
        from imtrans.kit.selection import rank

        return int(rank(name.as_posix()) * self.parts) == self.number - 1


class Job(NamedTuple):
    """A picture, and for each seed the file that its translation is written to; for None a map of its uncertainty."""

    source: Picture
    targets: tuple[tuple[int | None, Path], ...]


def plan(
    inputs: Sequence[str],
    output: Path,
    *,
    existing: Existing,
    suffix: str = "",
    seeds: Sequence[int] = (0,),
    has_maps: bool = False,
    part: Part | None = None,
    side: str = "source",
) -> tuple[list[Job], list[Job]]:
    """Every picture with its outputs, and those with the outputs that are there already, left out with "continue".

    Outputs in a folder end in `suffix`, those of several seeds in `-seed1` and so on, maps of uncertainty in
    `-uncertainty.png`. With `part` those of that part alone; of shards the pictures of `side`. ConfigError, before any
    work, where an output would be written twice or would replace a file; DataError for inputs that do not exist.
    """
    files = list(_files(inputs, side=side))
    # One picture to a name with a suffix is a file; -o OUT without one stays a folder, as for many.
    is_single = len(files) == 1 and len(inputs) == 1 and not Path(inputs[0]).is_dir()
    is_file = is_single and output.suffix != "" and not output.is_dir()
    bases = [(file, output if is_file else output / name.with_suffix(suffix)) for file, name in files]
    jobs = [Job(file, tuple(_targets(base, seeds, has_map=has_maps))) for file, base in bases]
    if part is None:
        return settled(jobs, existing)
    _check_distinct(jobs)  # also of two pictures in different parts
    return settled([job for job, (_, name) in zip(jobs, files, strict=True) if part.holds(name)], existing)


def settled(jobs: list[Job], existing: Existing) -> tuple[list[Job], list[Job]]:
    """The jobs with the outputs that are left to do, and with those that are there. ConfigError as for `plan`.

    What killed translations left in the folders of a translation that goes on is deleted.
    """
    _check_distinct(jobs)
    if existing != "continue":
        _check_free(jobs, is_overwriting=existing == "overwrite")
        return jobs, []
    sweep_partials({target.parent for job in jobs for _, target in job.targets})
    left: list[Job] = []
    done: list[Job] = []
    for job in jobs:
        is_there = [target.exists() for _, target in job.targets]
        for jobs_of, wanted in ((left, False), (done, True)):
            targets = tuple(each for each, there in zip(job.targets, is_there, strict=True) if there == wanted)
            jobs_of += [Job(job.source, targets)] if targets else []
    return left, done


def count_of(jobs: Iterable[Job]) -> int:
    """The outputs of these jobs."""
    return sum(len(job.targets) for job in jobs)


def _targets(base: Path, seeds: Sequence[int], *, has_map: bool) -> Iterator[tuple[int | None, Path]]:
    for seed in seeds:
        yield seed, base.with_name(f"{base.stem}-seed{seed}{base.suffix}") if len(seeds) > 1 else base
    if has_map:
        yield None, base.with_name(f"{base.stem}-uncertainty.png")


def _check_distinct(jobs: Sequence[Job]) -> None:
    source_of: dict[Path, Picture] = {}
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
    # Resolved: a link to an input is that input.
    sources = {job.source.resolve() for job in jobs if isinstance(job.source, Path)}
    for job in jobs:
        for _, target in job.targets:
            if target.resolve() in sources:
                raise ConfigError(f"{target} is an input", hint="Give another -o folder, or --overwrite.")
            if target.exists():
                hint = "Give another -o folder; --continue makes those that are missing; --overwrite makes all again."
                raise ConfigError(f"{target} exists (from {_short(job.source)})", hint=hint)


def _short(source: Picture) -> str:
    return source.name if isinstance(source, Path) else str(source)


def _files(inputs: Iterable[str], *, side: str) -> Iterator[tuple[Picture, Path]]:
    for text in inputs:
        yield from stored_inputs(text, side=side) if is_stored(text) else _local(text)


def _local(text: str) -> Iterator[tuple[Path, Path]]:
    from imtrans.kit.formats import SUFFIXES
    from imtrans.kit.picture_files import find_pictures

    for path in expanded([text]):
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
