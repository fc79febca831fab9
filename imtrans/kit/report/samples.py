"""Sample pictures of a run as PNG files: a sheet that records the place of each panel, so that it can be read back."""

import contextlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans.atomic_io import replace_bytes
from imtrans.interfaces import Sample

if TYPE_CHECKING:
    from imtrans.kit.images import Array

# numpy, Pillow and torch are imported in functions: every command loads the observers, and they load this module.
FOLDER, WORST = "samples", "worst.png"
MAX_GRIDS = 100
_NAME = re.compile(r"step-(\d+)\.png")
_TEXT = "imtrans"  # the key of the PNG's text chunk


@dataclass(frozen=True, kw_only=True)
class SampleGrid:
    """The samples of one step; `by`: the metric they were selected by, if any, and whether higher is better."""

    step: int
    samples: Sequence[Sample]
    by: str = ""
    higher_is_better: bool = False


def path_of(run: Path, step: int) -> Path:
    """The path of the grid of a step."""
    return run / FOLDER / f"step-{step:06}.png"


def grids(run: Path) -> dict[int, Path]:
    """The grids of a run by step, in order."""
    return dict(sorted((int(m[1]), p) for p in _files(run) if (m := _NAME.fullmatch(p.name))))


def save(path: Path, grid: SampleGrid) -> None:
    """Write a PNG with one row (source | prediction | target, and what else it has) for each sample.

    ResourceError if it cannot be written.
    """
    from PIL import Image, PngImagePlugin

    from imtrans.kit.report.image_grid import places, sheet

    rows = [s.panels for s in grid.samples]
    entries = [
        {"key": s.key, "scores": dict(s.scores), "places": panels, "others": [*s.others]}
        for s, panels in zip(grid.samples, places(rows), strict=True)
    ]
    record = {"step": grid.step, "by": grid.by, "higher": grid.higher_is_better, "samples": entries}
    text = PngImagePlugin.PngInfo()
    text.add_text(_TEXT, json.dumps(record))
    content = io.BytesIO()
    Image.fromarray(sheet(rows)).save(content, "png", pnginfo=text, compress_level=3)
    with contextlib.suppress(OSError):  # replace_bytes reports a folder that cannot be created
        path.parent.mkdir(exist_ok=True)
    replace_bytes(path, content.getvalue())


def load(path: Path) -> SampleGrid | None:
    """The samples of a grid, read back; None if the file is missing, broken or has no valid record."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as picture:
            record = json.loads(str(picture.info.get(_TEXT, "null")))
            pixels = np.asarray(picture.convert("RGB"))
        return SampleGrid(
            step=int(record["step"]),
            samples=[_sample(pixels, entry) for entry in record["samples"]],
            by=str(record["by"]),
            higher_is_better=bool(record["higher"]),
        )
    except (OSError, ValueError, TypeError, KeyError, IndexError, SyntaxError, Image.DecompressionBombError):
        return None


def thin(run: Path, most: int = MAX_GRIDS) -> None:
    """Delete grids until at most `most` are left, evenly over the steps; the first and the newest stay."""
    left = grids(run)
    while len(left) > most:
        steps = list(left)
        # The one whose neighbours are closest to each other tells the least; a run that goes on thins evenly so.
        gaps = {steps[i]: steps[i + 1] - steps[i - 1] for i in range(1, len(steps) - 1)}
        left.pop(min(gaps, key=lambda step: gaps[step])).unlink(missing_ok=True)


def newest(run: Path) -> SampleGrid | None:
    """The samples of the newest grid that can be read; None if there is none."""
    return next((s for path in reversed(grids(run).values()) if (s := load(path))), None)


def _files(run: Path) -> Iterator[Path]:
    folder = run / FOLDER
    return folder.iterdir() if folder.is_dir() else iter(())


def _sample(pixels: "Array", entry: Any) -> Sample:
    panels = [_panel(pixels, [int(n) for n in place]) for place in entry["places"]]
    scores = {str(k): float(v) for k, v in entry["scores"].items()}
    names = [str(name) for name in entry.get("others", ())]  # grids of earlier releases have none
    first = len(panels) - len(names)
    return Sample(
        key=str(entry["key"]),
        source=panels[0],
        prediction=panels[1],
        target=panels[2] if first > 2 else None,
        scores=scores,
        others=dict(zip(names, panels[first:], strict=True)),
    )


def _panel(pixels: "Array", place: Sequence[int]) -> "Array":
    x, y, width, height, scale = place
    if scale < 1 or min(x, y, width, height) < 0 or y + height > pixels.shape[0] or x + width > pixels.shape[1]:
        raise ValueError("a panel lies outside of its sheet")
    return pixels[y : y + height : scale, x : x + width : scale]
