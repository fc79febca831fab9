"""Frames encoded into a piece of film, and how films of each suffix are encoded."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream

from imtrans.errors import ConfigError, ResourceError
from imtrans.kit.formats import WRITTEN_FILMS
from imtrans.kit.images import Array

BT709, LIMITED = 1, 1  # the numbers of ITU-T H.273, and of the range 16 to 235
FORMAT = "nut"  # of pieces: keeps any unit of time, and needs no index


@dataclass(frozen=True)
class Encoding:
    """An encoder of FFmpeg with its options.

    Every packet is one frame, in order, so that pieces can be joined, also in AVI.
    """

    codec: str
    options: Mapping[str, str]


H264 = Encoding("libx264", {"crf": "18", "preset": "medium", "bf": "0"})
# AVI has no times: of H.264 in it readers guess them, one frame late.
MPEG4 = Encoding("mpeg4", {"b": "1000M", "qmin": "2", "qmax": "4", "bf": "0"})
VP9 = Encoding(
    "libvpx-vp9",
    {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "lag-in-frames": "0", "auto-alt-ref": "0"},
)


def encoding_for(suffix: str) -> Encoding:
    """How films of this suffix are encoded. ConfigError for one that is not written."""
    if suffix.lower() not in WRITTEN_FILMS:
        hint = f"Use {' '.join(WRITTEN_FILMS)}."
        raise ConfigError(f"{suffix or 'no suffix'}: is no film that is written", hint=hint)
    encoding = {".webm": VP9, ".avi": MPEG4}.get(suffix.lower(), H264)
    if encoding.codec not in av.codecs_available:
        raise ResourceError(f"this PyAV has no encoder {encoding.codec}", hint="Install the wheel of PyPI.")
    return encoding


def is_even(suffix: str) -> bool:
    """Whether films of this suffix have no times: their frame N is shown at N / rate."""
    return suffix.lower() == ".avi"


def padded_to_even(picture: Array) -> Array:
    """The picture with its last row and column repeated where their number is odd: the encoders halve colours."""
    odd = [(0, n % 2) for n in picture.shape[:2]]
    return np.pad(picture, (*odd, (0, 0)), "edge") if any(n for _, n in odd) else picture


class PieceEncoder:
    """A piece of film in memory: frames of one size, in BT.709, limited range."""

    def __init__(self, encoding: Encoding, *, time_base: Fraction, rate: Fraction | None, aspect: Fraction) -> None:
        self._file = io.BytesIO()
        self._container = av.open(self._file, "w", format=FORMAT)
        stream = self._container.add_stream(encoding.codec, rate=rate or 25, options=dict(encoding.options))
        self._stream = cast(VideoStream, stream)  # by its codec
        context = self._stream.codec_context
        context.pix_fmt, context.time_base, context.sample_aspect_ratio = "yuv420p", time_base, aspect
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED
        self._time_base, self._reformatter = time_base, VideoReformatter()
        self.times: list[tuple[int, int]] = []  # of each frame, with its duration

    def add(self, picture: Array, *, time: int, duration: int) -> None:
        """Encode the next frame, uint8 (H, W, 3)."""
        picture = padded_to_even(picture)
        if not self.times:
            self._stream.height, self._stream.width = picture.shape[:2]
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = self._reformatter.reformat(
            rgb, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=LIMITED
        )
        # Times from 0 on: an encoder that starts late treats its first frames in another way.
        first = self.times[0][0] if self.times else time
        frame.pts, frame.time_base = time - first, self._time_base
        self.times.append((time, duration))
        self._container.mux(self._stream.encode(frame))

    def finished(self) -> bytes:
        """The whole piece as a file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._file.getvalue()
