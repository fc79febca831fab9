"""What speaks for pairs that nobody has declared: the look of the pictures; and what a folder could be instead."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from imtrans.errors import DataError, ImtransError
from imtrans.interfaces import Issue
from imtrans.kit.pairing.guess import Guess, fit_of, guesses
from imtrans.kit.pairing.parts import LEFT_RIGHT
from imtrans_datasets.pairing.file_index import Item, Listing
from imtrans_datasets.pairing.file_names import Lazily
from imtrans_datasets.pairing.layout import trainable

ENOUGH = 8  # pairs by name, of which few that do not fit say nothing
DECLARED = "--set dataset.layout=halves"
SAME_HINT = "A pair needs two pictures. All such pairs: imtrans data check. Or leave them out: --skip-invalid"
MAKERS = "imtrans run pix2pix --dataset pencil --data-root {folder} (or grey, lab, edges, inpaint)"


def doubts_of(listing: Listing, path: Path) -> Callable[[], Sequence[Issue]]:
    """Doubts of pairs that were found below a path: halves without evidence are a fault, other pairs get a warning."""
    return cache(lambda: tuple(_doubts(listing.everything() if listing.everything else listing.items, path)))


def _doubts(items: Sequence[Item], path: Path) -> Sequence[Issue]:
    items = [*dict.fromkeys(items)]  # where test serves for val both hold the same
    halves = [item for item in items if item.parts == LEFT_RIGHT]
    chosen = halves or [item for item in items if len(item.paths) == 2 and not item.parts]
    one, two = map(str, LEFT_RIGHT) if halves else ("", "")
    names = Lazily(len(chosen), lambda i: (f"{chosen[i].paths[0]}{one}", f"{chosen[i].paths[-1]}{two}"))
    fit = fit_of(Path(), names)
    if fit.is_evident or not fit.count or (not halves and fit.count < ENOUGH):
        return ()
    if not halves:
        what = f"{path}: source and target fit each other in {fit} pairs that were looked at, as by chance"
        hint = "If one name does not mean one scene, they are no pairs; for loosely related pictures let it be."
        return (Issue(code="unrelated", what=what, hint=hint, is_fault=False),)
    what = f"{path}: no pairs side by side (left and right fit in {fit} pictures); it looks like"
    guess = _best(path)
    hint = f"{advice(guess, path)}\nIf each picture is a pair side by side: {DECLARED}"
    return (Issue(code="no-evidence", what=f"{what} {guess.says}", hint=hint),)


def itself(items: Sequence[Item]) -> Iterator[Issue]:
    """That pairs are one file twice, also through links."""
    count = sum(not item.parts and _is_one_file(item.paths) for item in items)
    if count:
        yield Issue(code="same", what=f"{count:,} of {len(items):,} pairs are a picture and itself", hint=SAME_HINT)


def _is_one_file(paths: Sequence[str]) -> bool:
    """Whether paths lead to one place. Asking the system for the file takes a sixth of following each folder."""
    try:
        if len({(s.st_dev, s.st_ino) for s in map(os.stat, {*paths})}) > 1:
            return False
    except (OSError, ValueError):  # a link to nothing still has a place
        pass
    return len({*map(os.path.realpath, {*paths})}) == 1  # two names of one file are two places


def explained(error: DataError, path: Path) -> DataError:
    """The error of a folder in which no pairs were found, with what the folder could be."""
    if not path.is_dir():
        return error
    try:
        found = guesses(path)
    except ImtransError:
        return error
    if not found or error.what.startswith(str(path / "pairs.csv")):
        return error
    return DataError(
        f"{error.what}; it looks like {found[0].says}", hint=f"{error.hint}\n{advice(found[0], path)}".strip()
    )


def advice(guess: Guess, path: Path) -> str:
    """What to do with a folder that looks so."""
    if guess.patterns:
        source, target = guess.patterns
        return (
            f"Pair them: --set 'dataset.source={source}' --set 'dataset.target={target}'; or imtrans data pair {path}"
        )
    if guess.layout and guess.layout != "halves":
        return f"Pair them: --set dataset.layout={guess.layout}; or imtrans data pair {path}"
    if guess.pairs:
        return f"Look at them and write a table of pairs: imtrans data pair {path}"
    if guess.is_unpaired:
        partners = "or give partners the same names; a table can pair others: --dataset pairs.csv"
        return f"Train on them unpaired: imtrans run cyclegan --dataset {path}\n{partners[0].upper()}{partners[1:]}"
    return f"Make pairs of photos: {MAKERS.format(folder=trainable(path))}"


def _best(path: Path) -> Guess:
    """The likeliest guess but that of halves, which was refused."""
    try:
        found = [guess for guess in guesses(path) if guess.layout != "halves"]
    except ImtransError:
        found = []
    return found[0] if found else Guess(says="photos without partners")
