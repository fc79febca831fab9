"""Sample grids: source, prediction and target side by side, one pair a row."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imtrans import hookimpl
from imtrans.interfaces import Run, Sample

if TYPE_CHECKING:
    import numpy as np


class SampleGrids:
    """Writes samples/step-NNNNNN.png."""

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:  # noqa: ARG002 - the hook's
        from imtrans.kit.images import encode

        if samples:
            folder = run.folder / "samples"
            folder.mkdir(exist_ok=True)
            encode(folder / f"step-{step:06}.png", grid(samples))


def grid(samples: Sequence[Sample]) -> "np.ndarray[Any, Any]":
    """(H, W, 3) uint8: source | prediction | target on white."""
    from imtrans.kit.sheets import sheet

    return sheet([[p for p in (s.source, s.prediction, s.target) if p is not None] for s in samples])


def encoded(picture: "np.ndarray[Any, Any]") -> str:
    """(H, W, 3) uint8 as a PNG in base64, for a page that needs no other file."""
    import base64

    import cv2

    return base64.b64encode(cv2.imencode(".png", picture[..., ::-1])[1].tobytes()).decode()
