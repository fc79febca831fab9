"""A camera as frames, with the times at which they came."""

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction

import cv2
import numpy as np

from imtrans.engine.inference.video.frames import Frame
from imtrans.errors import ConfigError, ResourceError

PREFIX = "camera:"
GIVE_UP = 30  # readings without a picture after which a camera is taken for gone


class Camera:
    """A camera of this machine, by its number. ResourceError where it gives no picture."""

    time_base = Fraction(1, 1000)
    rate: Fraction | None = None
    pixel_aspect = Fraction(1)
    count: int | None = None
    is_even = False

    def __init__(self, name: str) -> None:
        number = name.removeprefix(PREFIX)
        if not number.isdecimal():
            raise ConfigError(f"{name!r}: is no camera", hint=f"Give its number: {PREFIX}0 is the first one.")
        self.name, self._number = name, int(number)
        self.notes: Sequence[str] = []

    def frames(self) -> Iterator[Frame]:
        """Its pictures until it is gone. What comes while the others are translated is left out."""
        log = cv2.utils.logging
        level = log.setLogLevel(log.LOG_LEVEL_SILENT)  # of a missing camera OpenCV prints lines of its own sources
        capture = cv2.VideoCapture(self._number)
        log.setLogLevel(level)
        try:
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a picture of now, not of a second ago
            yield from self._read(capture)
        finally:
            capture.release()

    def _read(self, capture: cv2.VideoCapture) -> Iterator[Frame]:
        start, last = time.monotonic(), -1
        while (picture := self._picture(capture)) is not None:
            # Two pictures of one millisecond would have one time.
            last = max(last + 1, round((time.monotonic() - start) * 1000)) if last >= 0 else 0
            yield Frame(np.ascontiguousarray(picture[..., ::-1]), last, 0)
        if last < 0:
            hint = f"Is it connected, and used by no other program? Another one may be {PREFIX}{self._number + 1}."
            raise ResourceError(f"{self.name}: gives no picture", hint=hint)
        self.notes = ["it gives no more pictures"]

    @staticmethod
    def _picture(capture: cv2.VideoCapture) -> np.ndarray | None:
        for _ in range(GIVE_UP if capture.isOpened() else 0):
            is_read, picture = capture.read()
            if is_read and picture is not None:
                return picture
        return None
