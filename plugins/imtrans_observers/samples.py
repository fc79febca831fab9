"""Sample grids: source, prediction and target side by side, one pair a row."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imtrans import hookimpl
from imtrans.interfaces import Run, Sample

if TYPE_CHECKING:
    import numpy as np

GAP = 4
SMALLEST = 128


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
    """(H, W, 3) uint8: source | prediction | target on white, six panels wide where the pictures are small."""
    import numpy as np

    rows = [_row(s) for s in samples]
    height, width = (max(r.shape[i] for r in rows) for i in (0, 1))
    filled = [np.pad(r, ((0, height - r.shape[0]), (0, width - r.shape[1]), (0, 0)), constant_values=255) for r in rows]
    columns = 2 if len(rows) > 1 and width < 900 else 1
    filled += [np.full_like(filled[0], 255)] * (-len(filled) % columns)
    lines = [np.concatenate(filled[i : i + columns], axis=1) for i in range(0, len(filled), columns)]
    return np.concatenate(lines)


def encoded(picture: "np.ndarray[Any, Any]") -> str:
    """(H, W, 3) uint8 as a PNG in base64, for a page that needs no other file."""
    import base64

    import cv2

    return base64.b64encode(cv2.imencode(".png", picture[..., ::-1])[1].tobytes()).decode()


def _row(sample: Sample) -> "np.ndarray[Any, Any]":
    import numpy as np

    panels = [p for p in (sample.source, sample.prediction, sample.target) if p is not None]
    scale = max(1, -(-SMALLEST // min(panels[0].shape[:2])))
    framed = [np.pad(_enlarged(p, scale), ((GAP, GAP), (GAP, GAP), (0, 0)), constant_values=255) for p in panels]
    height = max(p.shape[0] for p in framed)
    return np.concatenate(
        [np.pad(p, ((0, height - p.shape[0]), (0, 0), (0, 0)), constant_values=255) for p in framed], axis=1
    )


def _enlarged(picture: "np.ndarray[Any, Any]", scale: int) -> "np.ndarray[Any, Any]":
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)
