"""The fixed validation pictures over the time of a run, as a film."""

import contextlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans.errors import ResourceError
from imtrans.interfaces import Sample
from imtrans.kit.report import samples as shelf
from imtrans.kit.report.samples import SampleGrid

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    Array = np.ndarray[Any, Any]

NAME = "timelapse.webp"
MOST_FRAMES = 60
ROWS = 3  # pictures shown, of those on the grids
SIDE = 192  # pixels of a panel's longer side
GAP, HEAD = 4, 24
SHOWN_MS, HELD_MS = 250, 2000


def refresh(run: Path) -> None:
    """Make the film anew if a grid has come since; whoever needs it first does it."""
    film, grids = run / shelf.FOLDER / NAME, shelf.grids(run)
    try:
        made = film.stat().st_mtime_ns
    except OSError:
        made = 0
    if any(path.stat().st_mtime_ns >= made for path in grids.values()):
        write(run)


def write(run: Path) -> Path | None:
    """Write samples/timelapse.webp, one frame for each grid; None if there are fewer than two.

    Of more than 60 grids, 60 are taken, evenly, the first and the last among them.
    """
    paths = thinned(list(shelf.grids(run).values()), MOST_FRAMES)
    shown = [found for path in paths if (found := shelf.load(path)) and found.samples]
    if len(shown) < 2:
        return None
    frames = [frame(each) for each in shown]
    size = tuple(max(f.size[i] for f in frames) for i in (0, 1))
    frames = [f if f.size == size else _on(f, (size[0], size[1])) for f in frames]
    times = [SHOWN_MS] * (len(frames) - 1) + [HELD_MS]
    content = io.BytesIO()
    # method 0: a fifth of the default's time for a third more bytes. Equal frames stay apart without minimize_size.
    frames[0].save(
        content, "webp", save_all=True, append_images=frames[1:], duration=times, loop=0, quality=80, method=0
    )
    path = run / shelf.FOLDER / NAME
    part = path.with_name(f".{NAME}.{os.getpid()}.tmp")
    try:
        part.write_bytes(content.getvalue())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise ResourceError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def thinned(paths: Sequence[Path], most: int) -> list[Path]:
    """At most `most` of them, evenly, with both ends."""
    if len(paths) <= most:
        return list(paths)
    return [paths[round(i * (len(paths) - 1) / (most - 1))] for i in range(most)]


def frame(shown: SampleGrid) -> "Image.Image":
    """The step, and below it source | prediction | target of the first three pictures."""
    from PIL import Image, ImageDraw, ImageFont

    rows = [_panels(sample) for sample in shown.samples[:ROWS]]
    width = max(sum(p.width + GAP for p in row) for row in rows) + GAP
    height = sum(max(p.height for p in row) + GAP for row in rows) + HEAD
    whole = Image.new("RGB", (width, height), "white")
    font = ImageFont.load_default(14)
    ImageDraw.Draw(whole).text((GAP, GAP), f"step {shown.step:,}", fill="black", font=font)
    y = HEAD
    for row in rows:
        x = GAP
        for panel in row:
            whole.paste(panel, (x, y))
            x += panel.width + GAP
        y += max(p.height for p in row) + GAP
    return whole


def _panels(sample: Sample) -> "list[Image.Image]":
    return [_fitted(p) for p in (sample.source, sample.prediction, sample.target) if p is not None]


def _fitted(picture: "Array") -> "Image.Image":
    """No side above 192 pixels; small pictures enlarged by a whole number."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture))
    longest = max(image.size)
    if longest <= SIDE // 2:
        scale = SIDE // longest
        return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    if longest <= SIDE:
        return image
    size = (max(1, image.width * SIDE // longest), max(1, image.height * SIDE // longest))
    return image.resize(size, Image.Resampling.BOX)


def _on(image: "Image.Image", size: tuple[int, int]) -> "Image.Image":
    from PIL import Image

    whole = Image.new("RGB", size, "white")
    whole.paste(image, (0, 0))
    return whole
