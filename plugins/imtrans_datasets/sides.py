"""Pairs from two folders: the pictures of one name belong together."""

import os
from collections.abc import Collection
from pathlib import Path

from imtrans.errors import DataError, listed
from imtrans_datasets.listing import Item, Listing, is_folder, key_of, scan

SIDES = (("A", "B"), ("source", "target"))


def two_folders(one: Path, two: Path, *, skip: Collection[str] = ()) -> Listing:
    """Pairs of the pictures that have one name, and one place in the folders below, in both; never by position.

    DataError names a missing folder and the pictures without a partner.
    """
    for folder, partner in ((one, two), (two, one)):
        if not is_folder(folder):
            raise DataError(
                f"{folder}: no such folder",
                mend=f"Its partner {partner} is there; both are needed, with the same names.",
            )
    first, second = (scan(folder, deep=True, skip=skip) for folder in (one, two))
    short, other = _told_apart(one, two)
    alone = [f"{key_of(k)} (only in {short})" for k in first.files.keys() - second.files.keys()]
    alone += [f"{key_of(k)} (only in {other})" for k in second.files.keys() - first.files.keys()]
    if alone:
        raise DataError(
            f"{one.parent}: {len(alone)} pictures have no partner: {listed(alone, most=3)}",
            mend=f"{short} holds {len(first.files)}, {other} {len(second.files)}; pairs need the same names.",
        )
    same = (f"source and target are one folder, {one}: every pair is a picture and itself",)
    return Listing(
        items=[Item(key_of(k), (path, second.files[k])) for k, path in first.files.items()],
        layout=f"pairs from the folders {short} and {other}",
        sides=(short, other),
        notes=(*dict.fromkeys((*first.notes, *second.notes)), *(same if os.path.samefile(one, two) else ())),
    )


def _told_apart(one: Path, two: Path) -> tuple[str, str]:
    """The lowest of the folders above and at both that differ in name."""
    for first, second in zip(reversed(one.absolute().parts), reversed(two.absolute().parts), strict=False):
        if first != second:
            return first, second
    return str(one), str(two)
