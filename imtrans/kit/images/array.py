"""The types that pictures have in this package."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
Palette = tuple[tuple[int, int, int], ...]
Color = tuple[int, int, int]  # red, green, blue from 0 to 255
WHITE: Color = (255, 255, 255)


@dataclass(frozen=True)
class LabelMap:
    """The class of each pixel, (H, W, 1) whole numbers; the file's mode ("P" has a palette) and its palette."""

    ids: Array
    mode: str
    palette: Palette | None
