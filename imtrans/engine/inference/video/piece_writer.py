"""Frames written as pieces of a film."""

from fractions import Fraction
from pathlib import Path

from imtrans.engine.inference.video.film_encoder import PieceEncoder, encoding_for, is_even
from imtrans.engine.inference.video.film_parts import LENGTH, FilmParts
from imtrans.engine.inference.video.flicker import Flicker
from imtrans.engine.inference.video.frames import Frame, FrameSource
from imtrans.kit.images import Array


class PieceWriter:
    """The pieces of a film while it is written, from the first one on that is not finished."""

    def __init__(self, source: FrameSource, target: Path, parts: FilmParts, steady: float) -> None:
        self.source, self.target, self.parts = source, target, parts
        self._is_even = is_even(target.suffix)
        self.time_base = 1 / (source.rate or Fraction(25)) if self._is_even else source.time_base
        self._number, self.count = len(parts.pieces()), parts.count  # frames, those of the begun piece included
        self.steadier = parts.state(steady)
        self._encoder: PieceEncoder | None = None

    def add(self, picture: Array, frame: Frame) -> None:
        """Write the next frame."""
        if self._encoder is None:
            encoding, rate = encoding_for(self.target.suffix), self.source.rate
            aspect = self.source.pixel_aspect
            self._encoder = PieceEncoder(encoding, time_base=self.time_base, rate=rate, aspect=aspect)
        time, duration = (self.count, 1) if self._is_even else (frame.time, frame.duration)
        self._encoder.add(picture, time=time, duration=duration)
        self.count += 1
        if len(self._encoder.times) == LENGTH:
            self.finish()

    def finish(self) -> None:
        """Finish the piece that is begun."""
        if self._encoder is None:
            return
        content = self._encoder.finished()
        self.parts.add(self._number, content, times=self._encoder.times, last=self.steadier)
        self._number, self._encoder, self.steadier.flicker = self._number + 1, None, Flicker()
