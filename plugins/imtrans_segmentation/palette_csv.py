"""Palettes of one's own, from CSV files."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from imtrans.errors import DataError, join_names
from imtrans_segmentation.cityscapes import cityscapes
from imtrans_segmentation.palette import Colour, Palette

COLUMNS = ("name", "red", "green", "blue")
YES, NO = ("1", "true", "yes", "void"), ("", "0", "false", "no")
MEND = "Its first line is name,red,green,blue,void; each further one a colour, as in: road,128,64,128,no"


def palette(path: Path | None) -> Palette:
    """The palette in a file, or that of Cityscapes. DataError names file and line for what is none."""
    if path is None:
        return cityscapes()
    colours = tuple(_colours(path, _text(path)))
    found = Palette(colours=colours)
    if found.count < 2:
        raise DataError(f"{path}: {found.count} classes besides void; there must be two", hint=MEND)
    return found


def _text(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"palette {path}: not UTF-8 text (byte {error.start})", hint=MEND) from None
    except OSError as error:
        hint = "Name a CSV file of colours, or leave the palette out for that of Cityscapes."
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
            _check_new(where, f"the colour {colour.rgb}", rgb.setdefault(colour.rgb, reader.line_num), reader.line_num)
            if not colour.is_void:
                _check_new(
                    where, f"class {colour.name!r}", names.setdefault(colour.name, reader.line_num), reader.line_num
                )
            yield colour
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}", hint=MEND) from None


def _header(where: str, cells: Sequence[str]) -> list[str]:
    found = [c.lower() for c in cells]
    lacking = [c for c in COLUMNS if c not in found]
    if lacking:
        raise DataError(f"{where}: no column {join_names(lacking)}", hint=MEND)
    return found


def _colour(where: str, told: dict[str, str]) -> Colour:
    if not told["name"]:
        raise DataError(f"{where}: no name", hint=MEND)
    red, green, blue = (_byte(where, c, told.get(c, "")) for c in COLUMNS[1:])
    void = told.get("void", "").lower()
    if void not in YES + NO:
        raise DataError(f"{where}: void {void!r} is neither yes nor no", hint=MEND)
    return Colour(told["name"], (red, green, blue), is_void=void in YES)


def _byte(where: str, column: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255):
        raise DataError(f"{where}: {column} {text!r} is no whole number from 0 to 255", hint=MEND)
    return int(text)


def _check_new(where: str, what: str, first: int, line: int) -> None:
    if first != line:
        raise DataError(f"{where}: {what} stands in line {first}, too", hint="Give every class a colour of its own.")
