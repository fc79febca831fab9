"""Sample pictures of a run on disk: a grid to look at that knows what is on it, so that it can be taken apart again."""

import contextlib
import io
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans.errors import ResourceError
from imtrans.interfaces import Sample

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# What is heavy is imported in functions here: observers are loaded with every command.
FOLDER, WORST = "samples", "worst.png"
_NAME = re.compile(r"step-(\d+)\.png")
_TEXT = "imtrans"  # the key of the PNG's text chunk


@dataclass(frozen=True, kw_only=True)
class SampleGrid:
    """The samples of one step; `by`: the metric by which they were chosen, if they were, and whether more is better."""

    step: int
    samples: Sequence[Sample]
    by: str = ""
    higher_is_better: bool = False


def path_of(run: Path, step: int) -> Path:
    """The grid of a step."""
    return run / FOLDER / f"step-{step:06}.png"


def grids(run: Path) -> dict[int, Path]:
    """The grids of a run by step, in order."""
    found = {int(m[1]): p for p in _files(run) if (m := _NAME.fullmatch(p.name))}
    return dict(sorted(found.items()))


def save(path: Path, shown: SampleGrid) -> None:
    """Write a PNG with one row (source | prediction | target) for each sample.

    ResourceError if it cannot be written.
    """
    from PIL import Image, PngImagePlugin

    from imtrans.kit.images.image_grid import places, sheet

    rows = [_panels(s) for s in shown.samples]
    entries = [
        {"key": s.key, "scores": dict(s.scores), "places": where}
        for s, where in zip(shown.samples, places(rows), strict=True)
    ]
    told = {"step": shown.step, "by": shown.by, "higher": shown.higher_is_better, "samples": entries}
    text = PngImagePlugin.PngInfo()
    text.add_text(_TEXT, json.dumps(told))
    content = io.BytesIO()
    Image.fromarray(sheet(rows)).save(content, "png", pnginfo=text, compress_level=3)
    _put(path, content.getvalue())


def load(path: Path) -> SampleGrid | None:
    """The samples of a grid as they were; None if the file is missing, broken or does not tell what is on it."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as picture:
            told = json.loads(str(picture.info.get(_TEXT, "null")))
            whole = np.asarray(picture.convert("RGB"))
        return SampleGrid(
            step=int(told["step"]),
            samples=[_cut(whole, entry) for entry in told["samples"]],
            by=str(told["by"]),
            higher_is_better=bool(told["higher"]),
        )
    except (OSError, ValueError, TypeError, KeyError, IndexError, SyntaxError, Image.DecompressionBombError):
        return None


def newest(run: Path) -> SampleGrid | None:
    """The samples of the last step that can be read."""
    return next((s for path in reversed(grids(run).values()) if (s := load(path))), None)


def _files(run: Path) -> Iterator[Path]:
    folder = run / FOLDER
    return folder.iterdir() if folder.is_dir() else iter(())


def _panels(sample: Sample) -> "list[Array]":
    return [p for p in (sample.source, sample.prediction, sample.target) if p is not None]


def _cut(whole: "Array", entry: Any) -> Sample:
    panels = [_panel(whole, [int(n) for n in where]) for where in entry["places"]]
    scores = {str(k): float(v) for k, v in entry["scores"].items()}
    return Sample(
        key=str(entry["key"]),
        source=panels[0],
        prediction=panels[1],
        target=panels[2] if len(panels) > 2 else None,
        scores=scores,
    )


def _panel(whole: "Array", place: Sequence[int]) -> "Array":
    x, y, width, height, scale = place
    if scale < 1 or min(x, y, width, height) < 0 or y + height > whole.shape[0] or x + width > whole.shape[1]:
        raise ValueError("a panel lies outside of its sheet")
    return whole[y : y + height : scale, x : x + width : scale]


def _put(path: Path, content: bytes) -> None:
    """Whole or not at all: somebody may be looking."""
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(exist_ok=True)
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise ResourceError(f"{path}: cannot be written: {error.strerror or error}") from error
