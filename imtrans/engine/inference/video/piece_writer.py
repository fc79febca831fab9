"""Frames written as pieces of a film."""

from pathlib import Path

from imtrans.engine.inference.video.film_encoder import PieceEncoder, encoding_for
from imtrans.engine.inference.video.film_parts import LENGTH, FilmParts
from imtrans.engine.inference.video.flicker import Flicker
from imtrans.engine.inference.video.frames import Frame, FrameSource
from imtrans.kit.images import Array


class PieceWriter:
    """The pieces of a film while it is written, from the first one on that is not finished."""

    def __init__(self, source: FrameSource, target: Path, parts: FilmParts, steady: float) -> None:
        self._source, self._encoding, self._parts = source, encoding_for(target.suffix), parts
        self._number, self.count = len(parts.pieces()), parts.count  # frames, those of the begun piece included
        self.steadier = parts.state(steady)
        self._encoder: PieceEncoder | None = None

    def add(self, picture: Array, frame: Frame) -> None:
        """Write the next frame."""
        if self._encoder is None:
            source = self._source
            self._encoder = PieceEncoder(
                self._encoding, time_base=source.time_base, rate=source.rate, aspect=source.pixel_aspect
            )
        self._encoder.add(picture, time=frame.time, duration=frame.duration)
        self.count += 1
        if len(self._encoder.times) == LENGTH:
            self.finish()

    def finish(self) -> None:
        """Finish the piece that is begun."""
        if self._encoder is None:
            return
        content = self._encoder.finished()
        self._parts.add(self._number, content, times=self._encoder.times, last=self.steadier)
        self._number, self._encoder, self.steadier.flicker = self._number + 1, None, Flicker()
