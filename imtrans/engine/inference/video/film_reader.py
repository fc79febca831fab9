"""A film file as frames: counted by reading, upright, in the colours of pictures."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from imtrans.engine.inference.video.film_colors import RgbConverter, check_colors, color_note
from imtrans.engine.inference.video.film_scan import scan_packets
from imtrans.engine.inference.video.frames import Frame
from imtrans.errors import DataError
from imtrans.kit.images import Array


class FilmReader:
    """A film file. DataError where it is no film, or its colours are not those of pictures."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        with self._opened() as container:
            stream = self._stream(container)
            scan = scan_packets(container, stream)
            self._length, self.is_even, self.fault = scan.count, scan.is_even, scan.fault
            self.count: int | None = scan.count
            self._times = dict(enumerate(scan.times))
            self.time_base = stream.time_base or Fraction(1, 90000)
            self.rate: Fraction | None = stream.average_rate or stream.guessed_rate
            aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
        if not self._length:
            fault = f": {scan.fault}" if scan.fault else ""
            raise DataError(f"{path}: holds no frames{fault}")
        first = next(self._decoded())
        check_colors(first, self.name)
        self.size = _upright(first, np.empty((first.height, first.width, 1), np.uint8)).shape[:2]
        self.pixel_aspect = 1 / aspect if _is_turned(first) else aspect
        lines = "its lines are interlaced, and are translated as they are" if first.interlaced_frame else ""
        self.notes: Sequence[str] = [note for note in (color_note(first), lines) if note]

    def frames(self) -> Iterator[Frame]:
        """All frames. DataError, naming the frame, where the film is broken."""
        converter, last = RgbConverter(), None
        for number, frame in enumerate(self._decoded()):
            picture = _upright(frame, converter.rgb(frame))
            if picture.shape[:2] != self.size:
                raise DataError(f"{self.path}: from frame {number} on its frames have another size")
            time = self._times.get(number, frame.pts)
            time = self._next_time(last) if time is None else time
            # Times must grow: some recorders write one twice.
            time = time if last is None else max(time, last.time + 1)
            last = Frame(picture, time, frame.duration or 0)
            yield last

    def check_whole(self, wanted: int = 0) -> None:
        """DataError where the film was cut off before so many frames (0: before its end)."""
        if self.fault and not 0 < wanted <= self._length:
            raise self._broken(self._length, self.fault)

    def _next_time(self, last: Frame | None) -> int:
        return 0 if last is None else last.time + max(1, round(1 / (self.rate or 25) / self.time_base))

    def _decoded(self) -> Iterator[VideoFrame]:
        number = 0
        try:
            with self._opened() as container:
                for frame in _whole_frames(container, self._stream(container)):
                    yield frame
                    number += 1
        except av.FFmpegError as error:
            raise self._broken(number, self.fault or error.strerror or str(error)) from None
        if not number:
            raise DataError(f"{self.path}: holds no frames that can be decoded")

    def _broken(self, number: int, why: str) -> DataError:
        hint = f"--frames {number} translates those before it." if number else ""
        return DataError(f"{self.path}: broken at frame {number}: {why}", hint=hint)

    def _opened(self) -> InputContainer:
        try:
            if not self.path.stat().st_size:
                raise DataError(f"{self.path}: the file is empty")
            container = av.open(self.name)
        except (av.FFmpegError, OSError) as error:
            why = (
                error.strerror
                if isinstance(error, FileNotFoundError | PermissionError)
                else "not a film, or its end is missing"
            )
            raise DataError(f"{self.path}: {why}") from None
        if container.format.name.endswith("_pipe") or container.format.name == "image2":
            container.close()
            kind = container.format.name.removesuffix("_pipe").upper()
            raise DataError(f"{self.path}: a still picture ({kind})", hint="Give it the suffix of its format.")
        return container

    def _stream(self, container: InputContainer) -> VideoStream:
        streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not streams:
            rest = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
            raise DataError(f"{self.path}: holds no video, but {rest}")
        best = container.streams.best("video")
        return next((s for s in streams if best is not None and s.index == best.index), streams[0])


def _whole_frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """The frames before the first one that is damaged, which raises InvalidDataError."""
    stream.thread_type = "SLICE"  # threads of whole frames would name a fault some frames late
    fault: av.FFmpegError | None = None
    for packet in container.demux(stream):
        try:
            if packet.is_corrupt:
                raise av.InvalidDataError(0, "its data are damaged or cut off")
            frames = packet.decode()
        except av.FFmpegError as error:
            # What the decoder holds back, as later frames may come before it, is whole.
            fault, frames = error, stream.decode(None)
        for frame in frames:
            if frame.is_corrupt:
                raise av.InvalidDataError(0, "its data are damaged")
            yield frame
        if fault:
            raise fault


def _matrix(frame: VideoFrame) -> Array | None:
    """How x and y of a frame become x and y of what is shown: ((xx, xy), (yx, yy)); None: as they are."""
    side = frame.side_data.get("DISPLAYMATRIX")
    return None if side is None else np.frombuffer(cast(bytes, side), np.int32)[:6].reshape(2, 3)[:, :2]


def _is_turned(frame: VideoFrame) -> bool:
    matrix = _matrix(frame)
    return matrix is not None and abs(int(matrix[0, 1])) > abs(int(matrix[0, 0]))


def _upright(frame: VideoFrame, picture: Array) -> Array:
    """The picture as players show it, turned and mirrored by the film's display matrix."""
    matrix = _matrix(frame)
    if matrix is None:
        return picture
    if _is_turned(frame):
        picture, matrix = picture.swapaxes(0, 1), matrix[::-1]
    (right, _), (_, down) = matrix.tolist()
    return np.ascontiguousarray(picture[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1])
