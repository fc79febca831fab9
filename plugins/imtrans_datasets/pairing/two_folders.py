"""Pairs from two folders: the pictures of one name belong together."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from imtrans.errors import DataError, join_names
from imtrans.interfaces import Issue
from imtrans.kit.picture_files import key_of
from imtrans_datasets.pairing.file_index import Item, Listing, Scan, is_folder, one_name, scan
from imtrans_datasets.pairing.file_names import FilesByStem

SIDES = (("A", "B"), ("source", "target"))
NOT_READ = "Convert it to PNG or TIFF."


def two_folders(one: Path, two: Path, *, skip: Collection[str] = ()) -> Listing:
    """Pairs of the pictures that have one name, and one place in the folders below, in both; never by position.

    DataError names a missing folder; pictures without a partner, or of one name, are issues of the listing.
    """
    for folder, partner in ((one, two), (two, one)):
        if not is_folder(folder):
            raise DataError(
                f"{folder}: no such folder",
                hint=f"Its partner {partner} is there; both are needed, with the same names.",
            )
    first, second = (_with_paths(scan(folder, deep=True, skip=skip)) for folder in (one, two))
    short, other = short_names(one, two)
    unpaired = {f"{key_of(k)} (only in {short})": first.files[k] for k in _unpaired(first, second)}
    unpaired |= {f"{key_of(k)} (only in {other})": second.files[k] for k in _unpaired(second, first)}
    unread = [*_unread(first, second), *_unread(second, first)]
    named = {str(issue.files[0]) for issue in unread}
    both = {k: (path, second.files[k]) for k, path in first.files.items() if k in second.files}
    refusal = first.refusal or second.refusal
    if unread and not refusal:
        refusal = DataError(unread[0].what + (f"; and {len(unread) - 1} more" if unread[1:] else ""), hint=NOT_READ)
    if unpaired and not refusal:
        refusal = DataError(
            f"{one.parent}: {len(unpaired)} pictures have no partner: {join_names(unpaired, most=3)}",
            hint=f"{short} holds {len(first.files)}, {other} {len(second.files)}; pairs need the same names.",
        )
    if refusal and not both:
        raise refusal
    return Listing(
        items=[Item(key_of(k), paths) for k, paths in both.items()],
        layout=f"pairs from the folders {short} and {other}",
        sides=(short, other),
        notes=(*dict.fromkeys((*first.notes, *second.notes)),),
        issues=(*_doubles(first, second), *unread, *(without_partner(p) for p in unpaired.values() if p not in named)),
        refusal=refusal,
    )


def _unread(side: Scan, other: Scan) -> Iterator[Issue]:
    """Pictures whose partner is there, in a format that is not read."""
    for key in _unpaired(side, other):
        if key in other.unread:
            files = (Path(side.files[key]), Path(other.unread[key]))
            what = f"{key_of(str(files[0]))}: its partner {key_of(str(files[1]))} is of a format that is not read"
            yield Issue(code="not-read", what=what, hint=NOT_READ, files=files)


def without_partner(path: str) -> Issue:
    """A picture whose other half is not there."""
    hint = "Restore its partner under the same name, or remove it."
    return Issue(code="no-partner", what=f"{key_of(path)}: has no partner", hint=hint, files=(Path(path),))


def _with_paths(scanned: Scan) -> Scan:
    files = scanned.files
    return replace(scanned, files=files.paths()) if isinstance(files, FilesByStem) else scanned


def _unpaired(side: Scan, other: Scan) -> Sequence[str]:
    if side.files.keys() <= other.files.keys():
        return ()
    return [k for k in side.files if k not in other.files and k not in other.doubles]


def _doubles(first: Scan, second: Scan) -> Iterator[Issue]:
    """Pictures of one name on either side, an issue for each pair that they might be of."""
    for stem in dict.fromkeys((*first.doubles, *second.doubles)):
        yield one_name([*first.doubles.get(stem, ()), *second.doubles.get(stem, ())])


def short_names(one: Path, two: Path) -> tuple[str, str]:
    """The lowest of the folders above and at both that differ in name."""
    for first, second in zip(reversed(one.absolute().parts), reversed(two.absolute().parts), strict=False):
        if first != second:
            return first, second
    return str(one), str(two)
