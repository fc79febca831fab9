"""Files of pictures translated to files: some are read and written while the network translates others."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from imtrans.engine.inference.batches import batch_size
from imtrans.engine.inference.display import result_display, source_display
from imtrans.engine.inference.large.footprint import TileLimits
from imtrans.engine.inference.manifest import Manifest
from imtrans.engine.inference.scale import SizeChange
from imtrans.engine.inference.source_reader import ReadOptions
from imtrans.engine.inference.translator import Translator
from imtrans.engine.inference.uncertainty import heat, uncertainty
from imtrans.errors import DataError, ResourceError
from imtrans.kit.images import Array, encode
from imtrans.kit.report.image_grid import sheet
from imtrans.kit.shards.pictures import PackedPicture
from imtrans.kit.stores.pictures import StoredPicture
from imtrans.partial_output import partial_file

AHEAD = 4  # pictures that are read, or written, beside the one that is translated
SHOWN = 32  # rows of the sheet
# What a picture is read from: a file, or what is fetched when its turn comes.
Picture = Path | StoredPicture | PackedPicture
# A picture, and for each seed the file for its translation; for None that of a map of its uncertainty.
Job = tuple[Picture, Sequence[tuple[int | None, Path]]]
Tick = Callable[[float], None]


@dataclass
class Outcome:
    """What became of the pictures: the number of files written, those that failed and why, the sizes of the others,
    rows of the sheet, and the mean uncertainty of those whose map was asked for. Each is noted in the `manifest`."""

    written: int = 0
    faults: list[str] = field(default_factory=list)
    sizes: list[SizeChange] = field(default_factory=list)
    rows: list[list[Array]] = field(default_factory=list)
    uncertainties: dict[Path, float] = field(default_factory=dict)
    manifest: Manifest | None = None
    _left: Counter[str] = field(default_factory=Counter)

    def note_fault(self, job: Job, why: str) -> None:
        """Note a picture that could not be read."""
        self.faults.append(why)
        if self.manifest:
            self.manifest.failed(str(job[0]), why)

    def note_written(self, job: Job) -> None:
        """Note one more file of a picture; it is done with the last one."""
        self.written += 1
        name = str(job[0])
        self._left[name] += 1
        if self.manifest and self._left[name] == len(job[1]):
            self.manifest.done(name, [target for _, target in job[1]])


@dataclass(frozen=True, kw_only=True)
class Work:
    """How pictures are read, translated and written: `is_compared` with the source beside the result, `is_sheet` with
    rows for a sheet of all; maps of uncertainty are those over `seeds`."""

    translator: Translator
    reading: ReadOptions
    limits: TileLimits
    seeds: Sequence[int] = (0,)
    is_compared: bool = False
    is_sheet: bool = False

    def run(self, jobs: Sequence[Job], outcome: Outcome, tick: Tick) -> None:
        """Translate all; a picture that fails is listed, and the others are done. ResourceError where one cannot be
        written: those before it are. `tick` is told how many jobs are done; of a large one, also a part."""
        writing: _Writing = deque()
        with ThreadPoolExecutor(2, "read") as readers, ThreadPoolExecutor(2, "write") as writers:
            try:
                for number, group in self._groups(self._read_ahead(jobs, readers), outcome):
                    tick(number)
                    for job, target, result in self._results(group, outcome, number, tick):
                        writing.append((writers.submit(_write, target, result, self._palette), job))
                        self._settle(writing, outcome, most=AHEAD)
                    for job, target, map_ in self._maps(group, outcome):
                        writing.append((writers.submit(_write, target, map_, None), job))
                        self._settle(writing, outcome, most=AHEAD)
            finally:
                self._settle(writing, outcome, most=0)
        tick(len(jobs))

    @property
    def _palette(self) -> Sequence[Sequence[int]] | None:
        return None if self.is_compared else self.translator.target.palette

    def _read_ahead(self, jobs: Sequence[Job], pool: ThreadPoolExecutor) -> "Iterator[tuple[Job, Future[_Read]]]":
        waiting: deque[tuple[Job, Future[_Read]]] = deque()
        for job in jobs:
            waiting.append((job, pool.submit(self._read, job[0])))
            if len(waiting) > AHEAD:
                yield waiting.popleft()
        yield from waiting

    def _read(self, picture: Picture) -> "_Read":
        reader = self.translator.reader
        if isinstance(picture, PackedPicture):
            return reader.packed(picture, self.reading)
        file = picture.fetch() if isinstance(picture, StoredPicture) else picture
        return reader.read(file, self.reading), reader.size_change(file, self.reading)

    def _groups(self, reads: "Iterable[tuple[Job, Future[_Read]]]", outcome: Outcome) -> "Iterator[tuple[int, _Group]]":
        """Pictures that go through the network together, and the number of jobs before them."""
        group: _Group = []
        number = 0
        for done, (job, read) in enumerate(reads):
            try:
                sources, change = read.result()
            except DataError as error:  # one bad picture of thousands must not stop the rest
                outcome.note_fault(job, f"{error.what} {error.hint}".strip())
                continue
            outcome.sizes.append(change)
            if group and not self._fits(group, job, sources):
                yield number, group
                group = []
            number = number if group else done
            group.append((job, sources))
        if group:
            yield number, group

    def _fits(self, group: "_Group", job: Job, sources: list[Array]) -> bool:
        """Whether a picture can go with others: of one size, for the same seeds, as many as a batch holds."""
        (first, (one, *_)), shape = group[0], sources[0].shape
        if self.limits != TileLimits() or len(sources) > 1 or shape != one.shape:
            return False
        seeds = [[seed for seed, _ in targets] for _, targets in (first, job)]
        return seeds[0] == seeds[1] and len(group) < batch_size(shape, self.translator.model.method.geometry)

    def _results(self, group: "_Group", outcome: Outcome, number: int, tick: Tick) -> Iterator[tuple[Job, Path, Array]]:
        """The picture for each file of the jobs of a group."""
        is_shown = self.is_compared or self.is_sheet
        rows = [[source_display(self.translator, sources[0])] if is_shown else [] for _, sources in group]
        seeds = [seed for seed, _ in group[0][0][1] if seed is not None]
        parts = _Parts(number, len(seeds) * len(group[0][1]), tick)
        for place, seed in enumerate(seeds):
            for (job, _), row, slices in zip(group, rows, self._slices(group, seed, parts), strict=True):
                result = np.stack(slices) if self.translator.source.is_stack else slices[0]
                if is_shown:
                    row.append(result_display(self.translator, slices[0]))
                both = np.concatenate([row[0], row[-1]], axis=1) if self.is_compared else result
                yield job, job[1][place][1], both
        if self.is_sheet:
            outcome.rows.extend(rows[: SHOWN - len(outcome.rows)])

    def _maps(self, group: "_Group", outcome: Outcome) -> Iterator[tuple[Job, Path, Array]]:
        """The map of each job that asks for one."""
        for job, (source, *_) in group:
            for target in (target for seed, target in job[1] if seed is None):
                spread = uncertainty(self.translator, source, seeds=self.seeds, limits=self.limits)
                outcome.uncertainties[Path(str(job[0]))] = float(spread.mean())
                yield job, target, heat(spread)

    def _slices(self, group: "_Group", seed: int, parts: "_Parts") -> "Iterable[list[Array]]":
        """The results of each job of a group, one for each of its slices."""
        if len(group) > 1:
            return [[result] for result in self.translator.run_batch([source for _, (source,) in group], seed=seed)]
        run = partial(self.translator.run, seed=seed, limits=self.limits, tick=parts.tick)
        return [[parts.done(run(source)) for source in group[0][1]]]

    @staticmethod
    def _settle(writing: "_Writing", outcome: Outcome, *, most: int) -> None:
        while len(writing) > most:
            future, job = writing.popleft()
            future.result()
            outcome.note_written(job)


@dataclass
class _Parts:
    """Tells how far a job is, of which each part is one run of the network."""

    start: float
    count: int
    report: Tick
    number: int = 0

    def tick(self, done: int, count: int) -> None:
        self.report(self.start + (self.number + done / count) / self.count)

    def done(self, result: Array) -> Array:
        self.number += 1
        return result


_Writing = deque[tuple[Future[None], Job]]
_Read = tuple[list[Array], SizeChange]
_Group = list[tuple[Job, list[Array]]]


def write_sheet(path: Path, rows: Sequence[Sequence[Array]]) -> None:
    """Write a sheet of sources and results, a row each."""
    _write(path, sheet([list(row) for row in rows]), None)


def _write(target: Path, picture: Array, palette: Sequence[Sequence[int]] | None) -> None:
    """Write a picture as a whole or not at all, so that a file that exists is one that is done."""
    partial = target
    try:
        with partial_file(target) as partial:
            encode(partial, picture, palette=palette)
    except (DataError, ResourceError) as error:
        raise type(error)(error.what.replace(str(partial), str(target)), hint=error.hint) from None
    except OSError as error:
        hint = "Give an -o folder that can be written."
        raise ResourceError(f"{target.parent}: {error.strerror}", hint=hint) from None
