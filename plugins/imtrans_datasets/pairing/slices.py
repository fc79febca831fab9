"""Stacks of slices: each page of a source file makes a pair with the same page of its target file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from imtrans.errors import DataError, join_names
from imtrans.interfaces import Issue
from imtrans.kit.images.header_cache import headers
from imtrans.kit.pairing.parts import Part
from imtrans_datasets.pairing.file_index import Item, Listing

MARK = "#page="
HINT = "Each page of a source is paired with the same page of its target: as many on both sides."


def by_slice(listing: Listing, *, skip_invalid: bool = False) -> Listing:
    """The pairs of pages of a listing of pairs of files; those of one file stay in one split.

    DataError where a file holds both sides, or where two files have not as many pages; with `skip_invalid` the latter
    are issues, and left out.
    """
    if any(item.parts for item in listing.items):
        raise DataError(
            f"{listing.items[0].paths[0]}: a file with both sides, where dataset.pages=slices needs one for each",
            hint="Keep sources and targets in two folders, A and B.",
        )
    items, issues = _sliced(listing.items)
    if issues and not skip_invalid:
        raise DataError(join_names((issue.what for issue in issues), most=3), hint=HINT)
    everything = listing.everything
    return replace(
        listing,
        items=items,
        issues=(*listing.issues, *issues),
        layout=f"{listing.layout}; each page is a slice of its own",
        everything=(lambda: _sliced(everything())[0]) if everything else None,
        group_of=stack_of,
    )


def stack_of(key: str) -> str:
    """The key of the pair of files of which a pair of pages was taken."""
    return key.rpartition(MARK)[0] or key


def _sliced(items: Sequence[Item]) -> tuple[list[Item], list[Issue]]:
    heads = headers([path for item in items for path in (item.paths[0], item.paths[-1])])
    counts = [head.pages if head else None for head in heads]
    slices, issues = list[Item](), list[Issue]()
    for item, one, two in zip(items, counts[::2], counts[1::2], strict=True):
        if one is None or two is None:
            slices.append(item)  # it is a fault of its sample
        elif one == two:
            slices += _pages(item, one)
        else:
            what = f"{item.paths[0]} has {one:,} page{'s' * (one != 1)}, {item.paths[-1]} has {two:,}"
            issues.append(Issue(code="pages", what=what, hint=HINT, files=item.files))
    return slices, issues


def _pages(item: Item, count: int) -> Iterator[Item]:
    for number in range(1, count + 1):
        part = Part("page", number)
        yield Item(f"{item.key}{MARK}{number:0{len(str(count))}}", item.paths, (part, part))
