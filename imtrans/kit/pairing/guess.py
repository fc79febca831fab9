"""What a folder of pictures could be: pairs by names or folders, panels, pages, photos without partners."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path

from imtrans.errors import DataError, ImtransError
from imtrans.kit.images.array import WHITE, Array
from imtrans.kit.images.decode import decode
from imtrans.kit.images.header import header
from imtrans.kit.images.header_cache import headers
from imtrans.kit.pairing.groups import SPLITS, groups_of
from imtrans.kit.pairing.names import NamePairs, by_folders, by_names
from imtrans.kit.pairing.parts import LEFT_RIGHT, PAGES, TOP_BOTTOM, Part, Parts, cut_part, split_part
from imtrans.kit.pairing.structure import Fit, fit
from imtrans.kit.picture_files import find_pictures
from imtrans.kit.selection import spread

SAMPLE = 24  # pairs that are looked at
SPLIT_OF = re.compile(rf"(?:{'|'.join(SPLITS)})(?:$|[_-]?(?=(?:A|B|source|target)$))")  # "train" of trainA and of train
JOINED = re.compile(rf"(?<![^/])({'|'.join(SPLITS)})[_-]?(A|B|source|target)(?=/)")  # trainA/
PIXELS = 100_000_000  # of all that are looked at, but for the first four
THIRDS = tuple(Part("column", i, 3) for i in (1, 2, 3))
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Guess:
    """One way to see a folder: what it `says`, the pairs that it makes (none: it makes none), and how well they fit.

    Pairs are (source, target): names below the folder, with the part of the file that is meant ("x.png#column=1/3").
    `patterns` select source and target by name, and `layout` is that of single files, where these suffice to read them.
    `is_unpaired`: they are pictures of two kinds that are no pairs.
    """

    says: str
    pairs: Pairs = ()
    keys: Sequence[str] = ()
    patterns: tuple[str, ...] = ()
    layout: str = ""
    fit: Fit | None = None
    is_unpaired: bool = False

    @property
    def groups(self) -> tuple[str, list[str]]:
        """What groups the pairs, and the group of each; see `groups_of`."""
        return groups_of(self.keys)


def guesses(folder: Path) -> list[Guess]:
    """What the pictures below a folder could be, the likeliest first; the last may make no pairs."""
    names = [name.replace("\\", "/") for name in find_pictures(folder).names]
    if not names:
        return []
    found = [g for g in _of_names(folder, names) if g]
    if not any(guess.fit and guess.fit.is_evident for guess in found):
        found = [*_of_parts(folder, names), *found]
    return found or [_without_pairs(names)]


def fit_of(folder: Path, pairs: Pairs) -> Fit:
    """How well the two of a pair fit, by a sample of them; pictures that cannot be read are passed over."""
    chosen = [pairs[i] for i in spread(len(pairs), _affordable(folder, pairs))]
    with ThreadPoolExecutor() as pool:  # decoders leave the interpreter to others
        both = [pair for pair in pool.map(partial(_read, folder), chosen) if pair]
    if pairs and (part := split_part(pairs[0][0])[1]) and part.kind == "row":
        # What lies above each other in one picture shares its columns, as halves side by side share their rows.
        both = [(a.swapaxes(0, 1), b.swapaxes(0, 1)) for a, b in both]
    return fit([a for a, _ in both], [b for _, b in both])


def _affordable(folder: Path, pairs: Pairs) -> int:
    """How many pairs are looked at: fewer of large pictures."""
    count = min(SAMPLE, len(pairs))
    if not count:
        return 0
    # Not from the cache, which holds all files of the folder: these few are decoded next anyway.
    pixels = max((_pixels(folder / split_part(pairs[i][0])[0]) for i in spread(len(pairs), count)), default=1) or 1
    return max(min(count, 4), min(count, PIXELS // (2 * pixels)))


def _pixels(path: Path) -> int:
    """The number of pixels of a picture; 0 where it is none."""
    try:
        head = header(path)
    except (DataError, OSError, ValueError):
        return 0
    return head.width * head.height


def _read(folder: Path, pair: tuple[str, str]) -> tuple[Array, Array] | None:
    """Both pictures of a pair; None where one cannot be read. Two parts of one picture are decoded once."""
    (one, part), (two, other) = map(split_part, pair)
    page, other_page = (p.page if p else None for p in (part, other))
    try:
        first = decode(folder / one, background=WHITE, page=page)
        is_same = (one, page) == (two, other_page)
        second = first if is_same else decode(folder / two, background=WHITE, page=other_page)
        return cut_part(first, part, name=one), cut_part(second, other, name=two)
    except DataError:
        return None


def _of_names(folder: Path, names: Sequence[str]) -> Iterator[Guess]:
    """Pairs by words in names, as far as the pictures fit, or the words are usual ones."""
    found = _pairs_of_names(names)
    unlikely, seen = [], set[frozenset[tuple[str, str]]]()
    for pairs in found[:6]:
        content = frozenset(pairs.pairs)
        if content in seen:
            continue
        seen.add(content)
        guess = Guess(
            says=str(pairs),
            pairs=pairs.pairs,
            keys=pairs.keys,
            patterns=pairs.patterns,
            fit=fit_of(folder, pairs.pairs),
        )
        if guess.fit and guess.fit.is_evident:
            yield guess
        elif pairs.is_known and pairs.patterns:  # names that differ otherwise, too, are no evidence
            unlikely.append(guess)
    yield from unlikely


def _pairs_of_names(names: Sequence[str]) -> list[NamePairs]:
    """Pairs by names and folders. Where several splits are joined to sides (trainA, testA), they are told apart first.

    Else the words would be trainA and trainB, and the pairs of testA and testB would be lost. No pattern selects such.
    """
    original = {JOINED.sub(r"\1/\2", name): name for name in names}
    if len(original) < len(names) or len({SPLITS[m[1]] for m in map(JOINED.search, names) if m}) < 2:
        return [*by_names(names), *by_folders(names)]
    found = [*by_names(list(original)), *by_folders(list(original))]
    return [replace(p, pairs=[(original[a], original[b]) for a, b in p.pairs], patterns=()) for p in found]


def _of_parts(folder: Path, names: Sequence[str]) -> Iterator[Guess]:
    """Pairs that lie in one file, as far as their parts fit."""
    heads = headers([str(folder / name) for name in names])
    if 2 * sum(head is not None and head.pages == 2 for head in heads) > len(names):
        yield _cut(folder, names, PAGES, says="two pages in each file", layout="pages")
    thirds = [
        _cut(folder, names, (a, b), says=f"three panels (pairs of {a.number} and {b.number})")
        for a, b in combinations(THIRDS, 2)
    ]
    if all(map(_is_evident, thirds)):
        yield from thirds
        return
    for parts, says, layout in (
        (LEFT_RIGHT, "two halves side by side", "halves"),
        (TOP_BOTTOM, "two halves one above the other", "stacked"),
    ):
        guess = _cut(folder, names, parts, says=says, layout=layout)
        if _is_evident(guess):
            yield guess


def _cut(folder: Path, names: Sequence[str], parts: Parts, *, says: str, layout: str = "") -> Guess:
    pairs = [(f"{name}{parts[0]}", f"{name}{parts[1]}") for name in names]
    keys = [name.rpartition(".")[0] for name in names]
    return Guess(says=says, pairs=pairs, keys=keys, layout=layout, fit=fit_of(folder, pairs))


def _is_evident(guess: Guess) -> bool:
    return bool(guess.fit and guess.fit.is_evident)


def is_unpaired(path: Path) -> bool:
    """Whether a folder looks like pictures of two kinds that are no pairs."""
    try:
        found = guesses(path) if path.is_dir() else []
    except ImtransError:
        return False
    return bool(found) and found[0].is_unpaired


def _without_pairs(names: Sequence[str]) -> Guess:
    sides: dict[str, int] = {}
    for name in names:
        side = _side_of(name)
        sides[side] = sides.get(side, 0) + 1
    if len(sides) != 2 or "" in sides:
        return Guess(says="photos without partners")
    (one, count), (two, other) = sorted(sides.items())
    says = f"unpaired pictures ({count:,} in {one} and {other:,} in {two}, no common names)"
    return Guess(says=says, is_unpaired=True)


def _side_of(name: str) -> str:
    """The folder that says the side of a picture, without its split: trainA/x, train/A/x and A/train/x are of A."""
    folders = [SPLIT_OF.sub("", folder) for folder in name.split("/")[:-1]]
    return next((folder for folder in folders if folder), "")
