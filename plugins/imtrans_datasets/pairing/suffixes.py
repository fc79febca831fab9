"""Pairs in one folder, told apart by the ends of their names: x_A.png and x_B.png."""

import itertools
from collections.abc import Collection
from operator import methodcaller
from pathlib import Path

from imtrans.errors import DataError, join_names
from imtrans.kit.picture_files import key_of
from imtrans_datasets.pairing.file_index import Item, Listing, Scan
from imtrans_datasets.pairing.two_folders import without_partner

ENDS = tuple((f"{mark}{one}", f"{mark}{two}") for one, two in (("A", "B"), ("source", "target")) for mark in "_-.")


def by_suffix(folder: Path, scanned: Scan) -> Listing | None:
    """The pairs of a folder whose pictures end as source and target do; None where they do not.

    They do where all end so, or where at least half of them have a partner; those that have none are issues.
    """
    ends = _ends(scanned.files)
    if not ends:
        return None
    one, two = ends
    stems = [stem.removesuffix(one) for stem in scanned.files if stem.endswith(one)]
    unpaired = [s for s in scanned.files if (p := _partner(s, ends)) not in scanned.files and p not in scanned.doubles]
    refusal = scanned.refusal
    if unpaired and not refusal:
        refusal = DataError(
            f"{folder}: {len(unpaired)} pictures have no partner: {join_names(map(key_of, unpaired), most=3)}",
            hint=f"Each picture that ends in {one} needs one that ends in {two}, and nothing else may lie with them.",
        )
    stems = [stem for stem in stems if stem + two in scanned.files]
    if refusal and not stems:
        raise refusal
    return Listing(
        items=[Item(key_of(s), (scanned.files[s + one], scanned.files[s + two])) for s in stems],
        layout=f"pairs by the ends of their names, {one} and {two}",
        sides=(one, two),
        notes=scanned.notes,
        issues=(*scanned.issues, *(without_partner(scanned.files[stem]) for stem in unpaired)),
        refusal=refusal,
    )


def _ends(stems: Collection[str]) -> tuple[str, str] | None:
    if not any(map(methodcaller("endswith", tuple(itertools.chain(*ENDS))), stems)):
        return None
    for ends in ENDS:
        ending = sum(stem.endswith(ends) for stem in stems)
        paired = sum(_partner(stem, ends) in stems for stem in stems) if ending else 0
        if ending == len(stems) or (paired and 2 * paired >= len(stems)):
            return ends
    return None


def _partner(stem: str, ends: tuple[str, str]) -> str | None:
    """The stem of the other side."""
    for end, other in (ends, ends[::-1]):
        if stem.endswith(end):
            return stem.removesuffix(end) + other
    return None
