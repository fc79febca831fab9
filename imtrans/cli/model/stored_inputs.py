"""Inputs of a translation that are no files in folders: addresses, lists of them, and shards."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Union
from urllib.parse import unquote, urlsplit

from imtrans.errors import DataError

if TYPE_CHECKING:
    from imtrans.kit.shards.pictures import PackedPicture
    from imtrans.kit.stores.pictures import StoredPicture

Picture = Union[Path, "StoredPicture", "PackedPicture"]
MARK = "shards.json"  # that of imtrans.kit.shards, whose import takes longer than most commands


def is_stored(text: str) -> bool:
    """Whether an input is an address, a list of inputs, or a folder of shards."""
    return "://" in text or _is_list(text) or (Path(text) / MARK).is_file()


def stored_inputs(text: str, *, side: str = "source") -> Iterator[tuple[Picture, Path]]:
    """The pictures of such an input, each with its name below the output folder; of shards those of this `side`.

    DataError where there are none. What an address holds is read later, one picture after the other.
    """
    if _is_list(text):
        for line in Path(text).read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield from _of_line(line.strip(), text, side=side)
    else:
        yield from _of_place(text, side=side)


def safe_name(name: str, suffix: str = "") -> Path:
    """A key or the name of an object as a path below a folder, which it cannot leave."""
    parts = [re.sub(r"[\0-\x1f\\:*?\"<>|]", "_", part) for part in name.split("/") if part not in ("", ".")]
    return Path(*("__" if part == ".." else part for part in parts or ["_"])).with_name(
        f"{'__' if not parts or parts[-1] == '..' else parts[-1]}{suffix}"
    )


def _is_list(text: str) -> bool:
    return text.lower().endswith(".txt") and Path(text).is_file()


def _of_line(line: str, listed_in: str, *, side: str) -> Iterator[tuple[Picture, Path]]:
    if is_stored(line) and not _is_list(line):
        yield from _of_place(line, side=side)
    elif Path(line).is_file():
        yield Path(line), safe_name(line)
    else:
        raise DataError(f"{listed_in}: {line}: no such file", hint="A line is a picture, an address, or shards.")


def _of_place(text: str, *, side: str) -> Iterator[tuple[Picture, Path]]:
    from imtrans.kit.formats import is_picture
    from imtrans.kit.shards.pictures import packed_pictures
    from imtrans.kit.stores import open_store
    from imtrans.kit.stores.pictures import StoredPicture, stored_pictures

    path = unquote(urlsplit(text).path) if "://" in text else ""
    if is_picture(path.rpartition("/")[2]):
        # The whole path is its name: lists hold many folders.
        place, _, name = text.rpartition("/")
        yield StoredPicture(open_store(place), name), safe_name(path)
        return
    store = open_store(text)
    if _holds_shards(text):
        for split, packed in packed_pictures(store, side=side):
            # Behind a suffix of its own a dot in the key stays.
            yield packed, Path(split) / safe_name(packed.key, ".png")
        return
    yield from ((picture, safe_name(picture.name)) for picture in stored_pictures(store))


def _holds_shards(text: str) -> bool:
    from imtrans.kit.stores import open_store

    store = open_store(text)
    sizes = store.sizes()
    if sizes is not None:
        return MARK in sizes
    try:
        return bool(store.read(MARK))
    except DataError:
        return False
