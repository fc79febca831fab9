"""What the pictures of a column are, by their headers, and one of them as an array."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array, header, label_map
from imtrans.kit.images.conform import conform, decode_with_bits
from imtrans.kit.images.labels import highest_class, read_classes
from imtrans.kit.images.readers.memory_file import MemoryFile, PictureFile
from imtrans.kit.images.survey import FileKind, Survey


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of pictures, read as `spec` says. `place` begins the names of its cells in messages."""

    name: str
    spec: ImageSpec
    place: str

    def read(self, cell: Any, number: int) -> Array:
        """The picture of a cell, (H, W, C). DataError, naming row and column, where it is none."""
        file = picture_file(cell, f"{self.place}: row {number}, column {self.name}")
        if self.spec.kind == "labels":
            ids = read_classes(file, self.spec)[0]
            if (highest := highest_class(ids, self.spec)) >= (self.spec.classes or 0):
                raise DataError(f"{file}: value {highest}; allowed are 0 to {(self.spec.classes or 0) - 1}")
            return ids
        picture, bits = decode_with_bits(file, background=self.spec.background)
        return conform(picture, self.spec, bits=bits, name=str(file))


def picture_file(cell: Any, name: str) -> PictureFile:
    """The picture of a cell as a file: its bytes, or the file that it names. DataError where it is none of both."""
    if isinstance(cell, dict) and cell.get("bytes"):
        return MemoryFile(name, cell["bytes"])
    if isinstance(cell, dict) and cell.get("path"):
        return Path(cell["path"])
    if isinstance(cell, bytes):
        return MemoryFile(name, cell)
    kind = "nothing" if cell is None or cell == {"bytes": None, "path": None} else f"a {type(cell).__name__}"
    hint = "Choose a column of pictures (datasets.Image), or of their bytes."
    raise DataError(f"{name}: {kind}, no picture", hint=hint)


def survey_of(side: str, rows: Any, column: str, place: str) -> Survey:
    """The survey of a column, by the headers of all its pictures. DataError where none of them is one."""
    counts, aspects = Counter[FileKind](), [0.0]
    examples: dict[FileKind, str] = {}
    fault: DataError | None = None
    for number, cell in enumerate(rows.select_columns([column])):
        try:
            head = header(picture_file(cell[column], f"{place}: row {number}, column {column}"))
        except DataError as error:  # it is a fault of its sample
            fault = fault or error
            continue
        kind = FileKind(head.channels, head.bits, head.is_indexed, head.has_alpha)
        counts[kind] += 1
        examples.setdefault(kind, f"{place}: row {number}, column {column}")
        aspects.append(head.width / head.height if head.height else 0.0)
    if not counts:
        raise fault or DataError(f"{place}: column {column!r} has no rows")
    return Survey(side, counts, examples, (min(aspects[1:]), max(aspects)))


def labels_spec(survey: Survey, cell: Any, classes: int | None) -> ImageSpec:
    """What label maps are read as, with the palette of the first one. ConfigError where `classes` is missing."""
    if classes is None:
        first = label_map(picture_file(cell, "the first label map"))
        hint = f"If no other holds more: --set dataset.classes={max(2, int(np.max(first.ids)) + 1)}"
        what = f"dataset.classes is not set; the first label map holds values up to {int(np.max(first.ids))}"
        raise ConfigError(what, hint=hint)
    spec = ImageSpec(kind="labels", channels=1, classes=classes, bits=16 if classes > 256 else 8)
    if not survey.is_indexed():
        return spec
    palette = label_map(picture_file(cell, "the first label map")).palette or ()
    return replace(spec, palette=(*palette[:classes], *[(0, 0, 0)] * (classes - len(palette))))
