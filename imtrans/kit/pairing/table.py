"""A guess as a table of pairs, and as a sheet to look at."""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imtrans import atomic_io
from imtrans.kit.images import resize
from imtrans.kit.images.array import Array
from imtrans.kit.pairing.groups import splits_of
from imtrans.kit.pairing.guess import Guess
from imtrans.kit.pairing.parts import decode_part, split_part
from imtrans.kit.report.image_grid import sheet

SHOWN, SIDE = 8, 192  # pairs on a sheet; pixels of the longer side of a picture


@dataclass(frozen=True, kw_only=True)
class Table:
    """How many pairs a table has in each split ("": in none), and what groups them, with how many groups there are."""

    splits: dict[str, int]
    grouped_by: str = ""
    groups: int = 0


def write_table(path: Path, folder: Path, guess: Guess, *, is_swapped: bool = False) -> Table:
    """Write the pairs of a guess as CSV with paths relative to the table; groups are never divided among splits."""
    grouped_by, groups = guess.groups
    splits = splits_of(guess.keys, groups)
    columns = ["source", "target", *(["split"] if any(splits) else []), *(["group"] if groups else [])]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    start = os.path.relpath(folder, path.parent)
    for i, pair in enumerate(guess.pairs):
        files = [os.path.normpath(os.path.join(start, name)) for name in (pair[::-1] if is_swapped else pair)]
        writer.writerow([*files, *([splits[i]] if any(splits) else []), *([groups[i]] if groups else [])])
    atomic_io.replace_text(path, text.getvalue())
    counts = {split: splits.count(split) for split in dict.fromkeys(sorted(splits))}
    return Table(splits=counts, grouped_by=grouped_by, groups=len(set(groups)))


def pair_sheet(folder: Path, pairs: Sequence[tuple[str, str]], *, is_swapped: bool = False) -> Array:
    """(H, W, 3) uint8: source | target of the first pairs. DataError for a file that cannot be read."""
    rows = []
    for pair in pairs[:SHOWN]:
        files = [split_part(name) for name in (pair[::-1] if is_swapped else pair)]
        rows.append([_shown(decode_part(folder / file, part)) for file, part in files])
    return sheet(rows)


def _shown(picture: Array) -> Array:
    """A picture of any depth as small RGB; deep ones are stretched from their darkest to their brightest percent."""
    colours = picture[..., :3] if picture.shape[-1] >= 3 else np.repeat(picture[..., :1], 3, axis=-1)
    if colours.dtype != np.uint8:
        low, high = np.percentile(colours, (1, 99))
        colours = ((colours - low) * (255 / max(high - low, 1e-6))).clip(0, 255).astype(np.uint8)
    height, width = colours.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(colours)
    return resize(np.ascontiguousarray(colours), (max(1, round(height * scale)), max(1, round(width * scale))), "area")
