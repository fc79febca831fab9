"""Palettes of the user, from CSV files."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from imtrans.errors import DataError, join_names
from imtrans_segmentation.cityscapes import cityscapes
from imtrans_segmentation.palette import Colour, Palette

COLUMNS = ("name", "red", "green", "blue")
YES, NO = ("1", "true", "yes", "void"), ("", "0", "false", "no")
HINT = "Its first line is name,red,green,blue,void; each further one a colour, as in: road,128,64,128,no"


def palette(path: Path | None) -> Palette:
    """The palette in a file, or that of Cityscapes. DataError names the file and line that cannot be read."""
    if path is None:
        return cityscapes()
    colours = tuple(_colours(path, _text(path)))
    result = Palette(colours=colours)
    if result.count < 2:
        raise DataError(f"{path}: {result.count} classes besides void; at least two are needed", hint=HINT)
    return result


def _text(path: Path) -> str:
    try:
        # utf-8-sig: Excel writes a byte order mark, which would be part of the first column's name.
        return path.expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"palette {path}: not UTF-8 text (byte {error.start})", hint=HINT) from None
    except OSError as error:
        hint = "Name a CSV file of colours, or leave out the palette to use that of Cityscapes."
        raise DataError(f"palette {path}: {error.strerror}", hint=hint) from None


def _colours(path: Path, text: str) -> Iterator[Colour]:
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    columns: list[str] = []
    rgb: dict[tuple[int, int, int], int] = {}
    names: dict[str, int] = {}
    try:
        for cells in reader:
            stripped = [c.strip() for c in cells]
            where = f"{path}:{reader.line_num}"
            if not any(stripped):
                continue
            if not columns:
                columns = _header(where, stripped)
                continue
            colour = _colour(where, dict(zip(columns, stripped, strict=False)))
            line = reader.line_num
            _check_new(where, f"the colour {colour.rgb}", rgb.setdefault(colour.rgb, line), line)
            if not colour.is_void:  # void may have several colours under one name
                _check_new(where, f"class {colour.name!r}", names.setdefault(colour.name, line), line)
            yield colour
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}", hint=HINT) from None


def _header(where: str, cells: Sequence[str]) -> list[str]:
    columns = [c.lower() for c in cells]
    missing = [c for c in COLUMNS if c not in columns]
    if missing:
        raise DataError(f"{where}: no column {join_names(missing)}", hint=HINT)
    return columns


def _colour(where: str, row: dict[str, str]) -> Colour:
    if not row["name"]:
        raise DataError(f"{where}: no name", hint=HINT)
    red, green, blue = (_byte(where, c, row.get(c, "")) for c in COLUMNS[1:])
    void = row.get("void", "").lower()
    if void not in YES + NO:
        raise DataError(f"{where}: void {void!r} is neither yes nor no", hint=HINT)
    return Colour(row["name"], (red, green, blue), is_void=void in YES)


def _byte(where: str, column: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255):
        raise DataError(f"{where}: {column} {text!r} is no whole number from 0 to 255", hint=HINT)
    return int(text)


def _check_new(where: str, what: str, first: int, line: int) -> None:
    if first != line:
        raise DataError(
            f"{where}: {what} is already in line {first}", hint="Give every class a different name and colour."
        )
