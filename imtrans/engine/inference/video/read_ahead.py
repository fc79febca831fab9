"""Frames that are read while others are translated."""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future
from itertools import islice

from imtrans.engine.inference.video.frames import Frame, FrameSource
from imtrans.kit.images import Array

Frames = Generator[Frame, None, None]
Read = tuple[Frame, Array]  # a frame, and as the model takes it


def limited_frames(source: FrameSource, *, frames: int, seconds: float) -> Frames:
    """The first frames of a source: at most so many, and those of so many seconds; 0: all."""
    start = None
    for number, frame in enumerate(source.frames(), 1):
        start = frame.time if start is None else start
        if seconds and (frame.time - start) * source.time_base >= seconds:
            return
        yield frame
        if number == frames:  # before the next one is read: it may be broken
            return


def read_ahead(
    frames: Frames, convert: Callable[[Frame], Array], *, pool: Executor, ahead: int, skip: int
) -> Generator[Read, None, None]:
    """The frames from number `skip` on, of which `ahead` are read by the one thread of the pool before they are asked
    for."""

    def read() -> Read | None:
        frame = next(frames, None)
        return None if frame is None else (frame, convert(frame))

    waiting: deque[Future[Read | None]] = deque()
    for _ in islice(frames, skip):
        pass
    try:
        while True:
            while len(waiting) < ahead:
                waiting.append(pool.submit(read))
            if (frame := waiting.popleft().result()) is None:
                return
            yield frame
    finally:
        for future in waiting:
            future.cancel()
        pool.submit(frames.close)  # there: it may be reading a frame now
