"""The fixed validation images over the steps of a run, as an animated WebP."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans.atomic_io import replace_bytes
from imtrans.interfaces import Sample
from imtrans.kit.report import samples as sample_files
from imtrans.kit.report.samples import SampleGrid

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    Array = np.ndarray[Any, Any]

NAME = "timelapse.webp"
MAX_FRAMES = 60
ROWS = 3  # samples shown, of those on the grids
SIDE = 192  # pixels of a panel's longer side
GAP, HEAD = 4, 24
SHOWN_MS, HELD_MS = 250, 2000


def refresh(run: Path) -> None:
    """Write the time-lapse if a grid is newer; Report and SampleGrids both call it, and the second finds it done."""
    film, grids = run / sample_files.FOLDER / NAME, sample_files.grids(run)
    try:
        written = film.stat().st_mtime_ns
    except OSError:
        written = 0
    if any(path.stat().st_mtime_ns >= written for path in grids.values()):
        write(run)


def write(run: Path) -> Path | None:
    """Write samples/timelapse.webp, one frame for each grid; None if there are fewer than two.

    Of more than 60 grids, 60 are used, evenly spaced, including the first and the last. ResourceError if it cannot be
    written.
    """
    paths = thinned(list(sample_files.grids(run).values()), MAX_FRAMES)
    grids = [grid for path in paths if (grid := sample_files.load(path)) and grid.samples]
    if len(grids) < 2:
        return None
    frames = [frame(grid) for grid in grids]
    # Frames of one file must have one size; samples may not.
    size = tuple(max(f.size[i] for f in frames) for i in (0, 1))
    frames = [f if f.size == size else _padded(f, (size[0], size[1])) for f in frames]
    times = [SHOWN_MS] * (len(frames) - 1) + [HELD_MS]
    content = io.BytesIO()
    # method 0: a fifth of the default's time for a third more bytes. minimize_size would merge equal frames.
    frames[0].save(
        content, "webp", save_all=True, append_images=frames[1:], duration=times, loop=0, quality=80, method=0
    )
    path = run / sample_files.FOLDER / NAME
    # In one step: a report that is open in a browser may load it at any time.
    replace_bytes(path, content.getvalue())
    return path


def thinned(paths: Sequence[Path], most: int) -> list[Path]:
    """At most `most` of them, evenly spaced, including both ends."""
    if len(paths) <= most:
        return list(paths)
    return [paths[round(i * (len(paths) - 1) / (most - 1))] for i in range(most)]


def frame(grid: SampleGrid) -> "Image.Image":
    """The step, and below it source | prediction | target of the first three samples."""
    from PIL import Image, ImageDraw, ImageFont

    rows = [_panels(sample) for sample in grid.samples[:ROWS]]
    width = max(sum(p.width + GAP for p in row) for row in rows) + GAP
    height = sum(max(p.height for p in row) + GAP for row in rows) + HEAD
    canvas = Image.new("RGB", (width, height), "white")
    font = ImageFont.load_default(14)
    ImageDraw.Draw(canvas).text((GAP, GAP), f"step {grid.step:,}", fill="black", font=font)
    y = HEAD
    for row in rows:
        x = GAP
        for panel in row:
            canvas.paste(panel, (x, y))
            x += panel.width + GAP
        y += max(p.height for p in row) + GAP
    return canvas


def _panels(sample: Sample) -> "list[Image.Image]":
    return [_fitted(p) for p in (sample.source, sample.prediction, sample.target) if p is not None]


def _fitted(pixels: "Array") -> "Image.Image":
    """No side above 192 pixels; small images enlarged by a whole factor, so that their pixels stay visible."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    longest = max(image.size)
    if longest <= SIDE // 2:
        scale = SIDE // longest
        return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    if longest <= SIDE:
        return image
    size = (max(1, image.width * SIDE // longest), max(1, image.height * SIDE // longest))
    return image.resize(size, Image.Resampling.BOX)


def _padded(image: "Image.Image", size: tuple[int, int]) -> "Image.Image":
    from PIL import Image

    canvas = Image.new("RGB", size, "white")
    canvas.paste(image, (0, 0))
    return canvas
