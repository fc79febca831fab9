"""Small films for tests, written by PyAV itself."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

RATE = 24
SOUND = 48000
EXACT = {"codec": "ffv1", "pixels": "bgr0"}  # keeps every value, in .mkv


def texture(height: int = 160, width: int = 160) -> np.ndarray:
    """Smooth random colours, whose motion can be seen everywhere."""
    noise = np.random.default_rng(0).normal(128, 120, (height, width, 3))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 2.5) * 3 - 256, 0, 255).astype(np.uint8)


def moving(count: int, *, size: tuple[int, int] = (64, 64), step: int = 2) -> list[np.ndarray]:
    """Frames of a camera that moves over a texture, `step` pixels to the right and one down each time."""
    height, width = size
    picture = texture(height + count, width + step * count)
    return [picture[i : i + height, step * i : step * i + width] for i in range(count)]


def write_film(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, RATE),
    tags: dict[str, int] | None = None,
    matrix: int | None = None,
    turned: tuple[int, bool] = (0, False),
    sound: str = "",
    more_sound: int = 0,
    pixel_aspect: Fraction = Fraction(1),
    container: dict[str, str] | None = None,
) -> Path:
    """A film of these frames, RGB (H, W, 3): `times` in units of `time_base`, colour `tags` by the numbers of H.273 in
    the `matrix` of swscale, `turned` by degrees and mirrored, with a tone of the codec `sound` that lasts
    `more_sound` frames longer."""
    with av.open(str(path), "w", options=container or {}) as output:
        chosen = options if options is not None else ({"crf": "4"} if "264" in codec else {})
        stream: Any = output.add_stream(codec, rate=RATE, options=chosen)
        stream.height, stream.width = frames[0].shape[:2]
        stream.codec_context.pix_fmt, stream.codec_context.time_base = pixels, time_base
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if turned != (0, False):
            stream.set_display_rotation(turned[0], hflip=turned[1])
        tone: Any = output.add_stream(sound, rate=SOUND) if sound else None
        for number, picture in enumerate(frames):
            rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            values = (tags or {}).get("color_range")
            frame = VideoReformatter().reformat(rgb, format=pixels, dst_colorspace=matrix, dst_color_range=values)
            frame.pts, frame.time_base = (times[number] if times else number), time_base
            output.mux(stream.encode(frame))
            if tone:
                output.mux(tone.encode(_tone(number)))
        output.mux(stream.encode(None))
        for number in range(len(frames), len(frames) + more_sound):
            output.mux(tone.encode(_tone(number)))
        if tone:
            output.mux(tone.encode(None))
    return path


def _tone(number: int) -> av.AudioFrame:
    length = SOUND // RATE
    wave = np.sin((np.arange(length) + number * length) * 0.05) * 8000
    frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts = SOUND, number * length
    return frame


def decoded(path: Path) -> list[np.ndarray]:
    """All frames of a film, as RGB."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def seconds(path: Path) -> list[float]:
    """When each frame of a film is shown."""
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def sound_packets(path: Path) -> list[bytes]:
    """The packets of a film's sound."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def substitute_camera(monkeypatch: Any, frames: Sequence[np.ndarray]) -> list[str]:
    """Let camera 0 show these frames, and then no more; "released" is added to what is returned when it is closed."""
    released: list[str] = []

    class Shown:
        def __init__(self, number: int) -> None:
            self.left = [picture[..., ::-1].copy() for picture in frames] if number == 0 else []
            self.is_there = number == 0

        def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
            return self.is_there

        def set(self, key: int, value: float) -> bool:
            return True

        def read(self) -> tuple[bool, Any]:
            return (True, self.left.pop(0)) if self.left else (False, None)

        def release(self) -> None:
            released.append("released")

    monkeypatch.setattr("cv2.VideoCapture", Shown)
    return released
