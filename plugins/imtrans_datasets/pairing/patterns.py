"""Pairs below one folder whose sides two patterns select: *_phase* and *_fluor*, images/* and masks/*."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from imtrans.errors import DataError, join_names
from imtrans.kit.picture_files import key_of
from imtrans_datasets.pairing.file_index import Item, Listing, Scan, one_name, scan
from imtrans_datasets.pairing.two_folders import without_partner


def is_pattern(text: str) -> bool:
    """Whether a name selects files by a * in it."""
    return "*" in text


def by_pattern(folder: Path, source: str, target: str, *, skip: frozenset[str] = frozenset()) -> Listing:
    """The pairs of the pictures below a folder, at any depth, that either pattern selects.

    Those belong together for which every * stands for the same text. DataError where a pattern selects nothing;
    pictures without a partner are issues, those that neither selects are counted in a note.
    """
    scanned = scan(folder, deep=True, skip=skip)
    sides = [_selected(folder, scanned, pattern) for pattern in (source, target)]
    both = set(sides[0].values()) & set(sides[1].values())
    if both:
        raise DataError(f"{join_names(both, most=3)}: both {source} and {target} select it", hint="Narrow one of them.")
    unpaired = [path for one, two in (sides, sides[::-1]) for key, path in one.items() if key not in two]
    refusal = scanned.refusal
    if unpaired and not refusal:
        refusal = DataError(
            f"{folder}: {len(unpaired)} pictures have no partner: {join_names(map(key_of, unpaired), most=3)}",
            hint=f"{source} selects {len(sides[0])}, {target} {len(sides[1])}; each * must stand for the same text.",
        )
    shared = [key for key in sides[0] if key in sides[1]]
    if refusal and not shared:
        raise refusal
    rest = len(scanned.files) - sum(map(len, sides))
    return Listing(
        items=[Item(key_of(key) or "0", (sides[0][key], sides[1][key])) for key in shared],
        layout=f"pairs of {source} and {target}",
        sides=(source, target),
        notes=(*scanned.notes, *([f"{rest:,} pictures are neither {source} nor {target}"] if rest else [])),
        issues=(*scanned.issues, *map(without_partner, unpaired)),
        refusal=refusal,
    )


def _selected(folder: Path, scanned: Scan, pattern: str) -> Mapping[str, str]:
    """The pictures that a pattern selects, by what its * stand for."""
    expression = re.compile("(.*?)".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    found: dict[str, str] = {}
    for stem, path in scanned.files.items():
        match = expression.fullmatch(stem) or expression.fullmatch(f"{stem}{os.path.splitext(path)[1]}")
        if not match:
            continue
        key = "/".join(part.strip("/") for part in match.groups() if part.strip("/"))
        if key in found:
            issue = one_name([found[key], path])
            raise DataError(f"{issue.what}, as {pattern} sees them", hint="Let the pattern hold more of the names.")
        found[key] = path
    if not found:
        raise DataError(f"{folder}: no picture is {pattern}", hint=f"There are {join_names(scanned.files, most=4)}.")
    return found
