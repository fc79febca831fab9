"""A film or a camera translated to a film: frames are read, and written, while the network translates others."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import av
import numpy as np
from PIL import Image

from imtrans.engine.inference.display import result_display, source_display
from imtrans.engine.inference.large.footprint import TileLimits
from imtrans.engine.inference.scale import Size, SizeChange
from imtrans.engine.inference.source_reader import ReadOptions
from imtrans.engine.inference.translator import Translator
from imtrans.engine.inference.video.film_encoder import encoding_for, is_even
from imtrans.engine.inference.video.film_join import join
from imtrans.engine.inference.video.film_parts import FilmParts
from imtrans.engine.inference.video.film_reader import FilmReader
from imtrans.engine.inference.video.film_sound import SoundSource
from imtrans.engine.inference.video.flicker import Flicker
from imtrans.engine.inference.video.frames import Frame, FrameSource
from imtrans.engine.inference.video.piece_writer import PieceWriter
from imtrans.engine.inference.video.read_ahead import limited_frames, read_ahead
from imtrans.errors import ConfigError, DataError, ImtransError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array

AHEAD = 3  # frames that are read, or written, beside the one that is translated
Tick = Callable[[int], None]


@dataclass
class FilmOutcome:
    """What became of a film: its number of frames, their size (once), how they flicker, and
    what else is to be said."""

    frames: int = 0
    sizes: list[SizeChange] = field(default_factory=list)
    flicker: Flicker = field(default_factory=Flicker)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class FilmWork:
    """How films are translated: every frame with the same `seed`, so with the same noise; `steady` is that of
    `Steadier`; at most `frames` frames and `seconds` seconds (0: all); `is_compared` with the source beside it."""

    translator: Translator
    reading: ReadOptions
    limits: TileLimits
    seed: int = 0
    steady: float = 0.0
    frames: int = 0
    seconds: float = 0.0
    is_compared: bool = False

    def __post_init__(self) -> None:
        """ConfigError for a model that films cannot be given to."""
        source, target = self.translator.source, self.translator.target
        if source.kind == "labels" or source.is_stack:
            kind = "stacks of slices" if source.is_stack else "label maps"
            raise ConfigError(f"this model takes {kind}; a film has pictures", hint="Translate picture files with it.")
        if target.kind == "labels" and self.steady:
            raise ConfigError("--steady: this model gives labels, which cannot be blended", hint="Leave it out.")

    def parts(self, source: FrameSource, target: Path) -> FilmParts:
        """Where the finished pieces of a film are kept. ConfigError where its suffix is none that is written."""
        codec = encoding_for(target.suffix).codec
        if not source.is_even and is_even(target.suffix):
            hint = "Use .mp4, .mov, .mkv or .webm."
            what = f"{source.name}: its frames are not equally far apart, which {target.suffix} cannot hold"
            raise ConfigError(what, hint=hint)
        file = source.path.stat() if isinstance(source, FilmReader) else None
        plan = {
            "film": [source.name, file.st_size, file.st_mtime_ns] if file else [source.name],
            "model": self.translator.fingerprint,
            "device": self.translator.model.device.type,
            "--seed": self.seed,
            "--steady": self.steady,
            "--size": self.reading.size,
            "--source-range": self.reading.source_range,
            "--tile or --memory": asdict(self.limits),
            "--compare": self.is_compared,
            "encoder": [codec, av.__version__],
        }
        return FilmParts(target, plan)

    def run(
        self, source: FrameSource, target: Path, *, parts: FilmParts, tick: Tick = lambda _done: None
    ) -> FilmOutcome:
        """Translate a film and write it as a whole. `tick(done)` is told how many frames are done.

        An interrupt keeps the finished pieces, with which the next call goes on. One ends the film of a camera; pieces
        that such a call left behind become the film.
        """
        if isinstance(source, FilmReader):
            source.check_whole(self.frames)
            parts.drop_short()
        pieces, outcome = PieceWriter(source, target, parts, self.steady), FilmOutcome()
        is_camera = source.count is None
        try:
            if not is_camera or not pieces.count:
                self._translate(pieces, outcome, tick)
        except KeyboardInterrupt:
            if not is_camera or not pieces.count:
                raise
        except ImtransError as error:
            raise type(error)(error.what, hint=_with_kept(error.hint, parts)) from None
        pieces.finish()
        self._finish(pieces, outcome)
        return outcome

    def _translate(self, pieces: PieceWriter, outcome: FilmOutcome, tick: Tick) -> None:
        writing: deque[Future[None]] = deque()
        with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(1, "write") as writer, ExitStack() as stack:
            try:
                # Closed at once, whatever happens: a camera is released.
                limited = limited_frames(pieces.source, frames=self.frames, seconds=self.seconds)
                ahead = AHEAD if pieces.source.count is not None else 1  # a camera's next frame is to be one of now
                reading = read_ahead(limited, self._converted, pool=reader, ahead=ahead, skip=pieces.count)
                frames = stack.enter_context(closing(reading))
                for frame, array in frames:
                    result = self.translator.run(array, seed=self.seed, limits=self.limits)
                    outcome.sizes = outcome.sizes or [self._size_change(frame)]
                    writing.append(writer.submit(self._write, pieces, frame, array, result))
                    while len(writing) > AHEAD:
                        writing.popleft().result()
                        tick(pieces.count)
            finally:
                while writing:
                    writing.popleft().result()
        tick(pieces.count)

    def _converted(self, frame: Frame) -> Array:
        # A Pillow image is converted as a file is, to grey for example; an array would be refused.
        return self.translator.reader.converted(Image.fromarray(frame.picture), self.reading)

    def _size_change(self, frame: Frame) -> SizeChange:
        height, width = frame.picture.shape[:2]
        return self.translator.reader.change_of((height, width), self.reading.size)

    def _write(self, pieces: PieceWriter, frame: Frame, array: Array, result: Array) -> None:
        shown = source_display(self.translator, array)
        steadied = pieces.steadier.steadied(shown, result_display(self.translator, result))
        pieces.add(np.concatenate([shown, steadied], axis=1) if self.is_compared else steadied, frame)

    def _finish(self, pieces: PieceWriter, outcome: FilmOutcome) -> None:
        source, parts = pieces.source, pieces.parts
        finished, last = parts.pieces(), parts.state(self.steady).result
        if not finished or last is None:
            raise DataError(f"{source.name}: no frame was translated")
        size = (last.shape[0], last.shape[1] * (2 if self.is_compared else 1))
        sound = SoundSource(source.path, parts.count < (source.count or 0)) if isinstance(source, FilmReader) else None
        base, aspect = pieces.time_base, source.pixel_aspect
        notes = join(pieces.target, finished, time_base=base, sound=sound, size=size, aspect=aspect)
        outcome.frames, outcome.flicker = parts.count, parts.flicker()
        outcome.notes = [*source.notes, *notes, *_notes(self.translator.target, size)]
        parts.remove()


def _notes(target: ImageSpec, size: Size) -> Iterator[str]:
    """What is to be said of results that are written as a film."""
    if any(n % 2 for n in size):
        yield f"{size[1]} x {size[0]} is odd: its last column or row is doubled, as films halve their colours"
    if target.kind == "labels":
        yield "its labels are written as the colours of the palette"
    elif target.bits != 8:
        yield "its results are written in 8 bits"


def _with_kept(hint: str, parts: FilmParts) -> str:
    count = parts.count
    return "\n".join(
        filter(
            None,
            (
                hint,
                f"{count} finished frames are kept in {parts.folder}; --continue goes on with them." if count else "",
            ),
        )
    )
