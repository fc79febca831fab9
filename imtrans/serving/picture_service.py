"""Bytes of a picture to bytes of its translation, one at a time."""

import secrets
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imtrans.engine.inference.display import result_display
from imtrans.engine.inference.scale import size_of
from imtrans.engine.inference.source_reader import ReadOptions
from imtrans.errors import ConfigError, DataError
from imtrans.kit import images
from imtrans.serving.limits import Limits

if TYPE_CHECKING:
    from imtrans.engine.inference.translator import Translator

MEDIA_TYPES = {".png": "image/png", ".tif": "image/tiff"}


class NoPlaceError(Exception):
    """As many requests as may wait do so already."""


@dataclass(frozen=True, kw_only=True)
class Translation:
    """An encoded picture; `note`: what was done beside translating it."""

    content: bytes
    media_type: str
    note: str = ""


class PictureService:
    """A model and the folder of its temporary files, which is empty between two pictures."""

    def __init__(self, translator: "Translator", folder: Path, limits: Limits) -> None:
        self.translator = translator
        self.limits = limits
        self._folder = folder

    def translate(self, content: bytes, *, seed: int, size: str, is_for_display: bool) -> Translation:
        """The translation of a picture file's bytes; for display as a PNG of 8 bits at the picture's own size.

        DataError and ConfigError say in one line, which names no file of this machine, what is wrong.
        """
        # A name of our own: nothing that the client says becomes part of a path.
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            path = Path(folder) / secrets.token_hex(8)
            try:
                path.write_bytes(content)
                return self._translated(path, seed=seed, size=size, is_for_display=is_for_display)
            except (DataError, ConfigError) as error:
                raise type(error)(" ".join(str(error).replace(str(path), "picture").split())) from None

    def has_noise(self) -> bool:
        """Whether translations of the same picture differ with the seed."""
        source = self.translator.source
        height, width = self.translator.size[0], self.translator.size[-1]
        kind = np.float32 if source.bits == 32 else np.uint16 if source.bits > 8 else np.uint8
        value = source.values[0] if source.values else source.low
        channels = 1 if source.kind == "labels" else 3 if source.space else source.channels
        picture = np.full((height, width, channels), value, kind)
        first, second = (self.translator.translate(picture, seed=seed, size="native") for seed in (1, 2))
        return not np.array_equal(first, second)

    def _translated(self, path: Path, *, seed: int, size: str, is_for_display: bool) -> Translation:
        translator, reader = self.translator, self.translator.reader
        scaled = (0.0, 255.0) if is_for_display and translator.source.bits == 32 else None
        choice = "native" if is_for_display else size_of(size)
        reading = ReadOptions(source_range=scaled, is_whole=is_for_display, size=choice)
        head = images.header(path)
        self._check(head.width, head.height, self.limits.pixels, "")
        change = reader.size_change(path, reading)
        self._check(change.after[1], change.after[0], self.limits.translated_pixels, "at which it would be translated ")
        picture = translator.translate(path, seed=seed, size=choice, is_whole=is_for_display, source_range=scaled)
        suffix, palette = images.suffix_for(translator.target), translator.target.palette
        if is_for_display:
            first = picture[0] if translator.source.is_stack else picture
            picture, suffix, palette = result_display(translator, first), ".png", None
        target = path.with_suffix(suffix)
        images.encode(target, picture, palette=palette)
        note = f"the {reader.source_half} half of a whole pair was translated" if change.is_half else ""
        return Translation(content=target.read_bytes(), media_type=MEDIA_TYPES[suffix], note=note)

    def _check(self, width: int, height: int, most: int, what: str) -> None:
        if width * height > most:
            raise DataError(f"picture: the {width} x {height} pixels {what}are more than {most:,}")


class Places:
    """The requests that are waiting or running, of which there are never more than `most`; a context manager."""

    def __init__(self, most: int) -> None:
        self.most, self.taken, self._lock = most, 0, threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self.taken >= self.most:
                raise NoPlaceError
            self.taken += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self.taken -= 1
