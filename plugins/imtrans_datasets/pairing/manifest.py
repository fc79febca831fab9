"""Pairs from a file that lists them: CSV, or JSON lines."""

import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from imtrans.errors import DataError, ResourceError, join_names, nearest
from imtrans.interfaces import Split
from imtrans.kit.formats import is_picture
from imtrans.kit.pairing.parts import split_part
from imtrans.kit.picture_files import key_of
from imtrans_datasets.pairing.file_index import Item, Listing

COLUMNS = (("source", "target"), ("a", "b"))
NAMES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
COLUMNS_HINT = "Each row names a source and a target, and may name a split (train, val or test) and a key."


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file: its number, its two pictures as the file names them, its split and its key, if any."""

    line: int
    source: str
    target: str
    split: str = ""
    key: str = ""


def read(path: Path, *, skip_invalid: bool = False) -> Sequence[Row]:
    """The rows of a table. DataError names file and line for what cannot be read, and for pictures that are not there,
    which with `skip_invalid` are listed nevertheless.

    Paths are relative to the file's folder; they may lead anywhere.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start})", hint="Save it as UTF-8.") from None
    except OSError as error:
        raise ResourceError(f"{path}: {error.strerror}", hint="Check read permission.") from None
    is_lines = path.suffix.lower() in (".jsonl", ".ndjson")
    rows = [*(_lines(path, text) if is_lines else _cells(path, text))]
    if not rows:
        raise DataError(f"{path}: no pairs in it", hint=COLUMNS_HINT)
    if not skip_invalid:
        _check_files(path, rows)
    _check_splits(path, rows)
    return rows


def place(path: Path, rows: Sequence[Row], split: Split) -> Callable[[], Listing] | None:
    """What lists the rows of a split; None where no row is of it."""
    of_split = [row for row in rows if row.split == split]
    return partial(_listing, path, of_split) if of_split else None


def whole(path: Path, rows: Sequence[Row]) -> Listing:
    """The rows that name no split. DataError where there is none: pairs of another split are never trained on."""
    without_split = [row for row in rows if not row.split]
    if not without_split:
        raise DataError(f"{path}: no row is of split train", hint="Give the pairs to learn from the split train.")
    return _listing(path, without_split)


def _listing(path: Path, rows: Sequence[Row]) -> Listing:
    folder, times = os.path.abspath(path.parent), Counter[str]()
    items = []
    # A pair that is listed twice could be trained on and held out at once.
    rows, listed = [*{(row.source, row.target): row for row in reversed(rows)}.values()][::-1], len(rows)
    for row in rows:
        (source, one), (target, two) = split_part(row.source), split_part(row.target)
        key = key_of(row.key or os.path.splitext(source)[0])
        times[key] += 1
        files = tuple(os.path.normpath(os.path.join(folder, name)) for name in dict.fromkeys((source, target)))
        key = key if times[key] == 1 else f"{key}-{times[key]}"
        items.append(Item(key, files, (one, two)) if one or two else Item(key, (*files, *files)[:2]))
    notes = [f"{listed - len(rows)} rows repeat a pair: each pair is taken once"] if listed > len(rows) else []
    return Listing(items=items, layout=f"pairs listed in {path.name}", sides=("source", "target"), notes=notes)


def _cells(path: Path, text: str) -> Iterator[Row]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    columns: dict[str, int] | None = None
    try:
        for cells in reader:
            line, stripped = reader.line_num, [c.strip() for c in cells]
            if not any(stripped):
                continue
            if columns is None:
                columns = _columns(path, stripped, line)
                if not _is_file(stripped[columns["source"]]):
                    continue
            yield _row(path, {k: stripped[i] for k, i in columns.items() if i < len(stripped)}, line)
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}", hint=COLUMNS_HINT) from None


def _columns(path: Path, cells: Sequence[str], line: int) -> dict[str, int]:
    """Where the columns are, by the header, or by the first row where that holds pictures already."""
    if len(cells) >= 2 and all(map(_is_file, cells[:2])):
        return {"source": 0, "target": 1} | ({"split": 2} if len(cells) > 2 and cells[2].lower() in NAMES else {})
    header = [c.lower() for c in cells]
    for source, target in COLUMNS:
        if source in header and target in header:
            more = {name: header.index(name) for name in ("split", "key") if name in header}
            return {"source": header.index(source), "target": header.index(target)} | more
    raise DataError(
        f"{path}:{line}: no columns source and target (or A and B), but {join_names(map(key_of, cells), most=6)}",
        hint=COLUMNS_HINT,
    )


def _lines(path: Path, text: str) -> Iterator[Row]:
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            record = json.loads(content)
        except (ValueError, RecursionError) as error:
            what = getattr(error, "msg", "too deeply nested")
            raise DataError(f"{path}:{line}: not JSON ({what})", hint="Each line is one JSON object.") from None
        if not isinstance(record, dict):
            raise DataError(f"{path}:{line}: not a JSON object", hint='For example: {"source": "a.png", ...}')
        yield _row(path, {k.lower(): v for k, v in record.items()}, line)


def _row(path: Path, record: Mapping[str, Any], line: int) -> Row:
    source, target = next((pair for pair in COLUMNS if pair[0] in record or pair[1] in record), COLUMNS[0])
    for name in (source, target):
        if not isinstance(record.get(name), str) or not record[name]:
            raise DataError(f"{path}:{line}: no {name}", hint=COLUMNS_HINT)
    split, key = (record.get(name) or "" for name in ("split", "key"))
    if not isinstance(split, str) or (split and split.lower() not in NAMES):
        guess = nearest(str(split), NAMES)
        raise DataError(f"{path}:{line}: no split {split!r}{guess}", hint="Splits are train, val and test.")
    return Row(line, record[source], record[target], NAMES.get(split.lower(), ""), str(key))


def _check_files(path: Path, rows: Sequence[Row]) -> None:
    folder = os.path.abspath(path.parent)
    names = [(r, split_part(text)[0]) for r in rows for text in (r.source, r.target)]
    missing = [(row, name) for row, name in names if not _exists(os.path.join(folder, name))]
    if missing:
        row, name = missing[0]
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(
            f"{path}:{row.line}: {key_of(name)}: no such file{more}", hint=f"Paths are relative to {folder}."
        )


def _check_splits(path: Path, rows: Sequence[Row]) -> None:
    without = next((row for row in rows if not row.split), None)
    if without and any(row.split for row in rows):
        raise DataError(
            f"{path}:{without.line}: no split, where other rows have one", hint="Give all rows one, or none."
        )


def _is_file(text: str) -> bool:
    """Whether a cell names a picture, or a part of one."""
    return is_picture(os.path.basename(split_part(text)[0]))


def _exists(path: str) -> bool:
    try:
        return os.path.exists(path)
    except ValueError:  # a name with a null character
        return False
