"""A disk in memory whose power can be cut: which states may the real one be found in?

Files keep what was written since their last fsync, folders which names came and went since theirs. At a cut, each
unfinished file is found as it was, as it should be, torn or full of zeros, and of a folder's changes any may be there.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

from imtrans.atomic_io import Disk


@dataclass
class File:
    now: bytes = b""
    safe: bytes | None = None

    def after_cut(self, rng: random.Random) -> bytes:
        if self.safe == self.now:
            return self.now
        torn = self.now[: rng.randrange(len(self.now) + 1)]
        return rng.choice([self.safe or b"", self.now, torn, bytes(len(self.now))])


@dataclass
class Folder:
    now: dict[str, "File | Folder"] = field(default_factory=dict)
    safe: dict[str, "File | Folder"] = field(default_factory=dict)
    changes: list[dict[str, "File | Folder | None"]] = field(default_factory=list)

    def change(self, entries: dict[str, "File | Folder | None"]) -> None:
        self.changes.append(entries)
        self.now = _with(self.now, entries)

    def sync(self) -> None:
        self.safe, self.changes = dict(self.now), []

    def after_cut(self, rng: random.Random) -> dict[str, "File | Folder"]:
        is_journal, entries = rng.random() < 0.5, dict(self.safe)
        count = rng.randrange(len(self.changes) + 1)
        for place, change in enumerate(self.changes):
            if place < count if is_journal else rng.random() < 0.5:
                entries = _with(entries, change)
        return entries


class Recording(Disk):
    """Does what a disk does, and writes down each operation, below `root`, with what was written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.done: list[tuple] = []

    def make_folder(self, path):
        super().make_folder(path)
        self._note("make_folder", path)

    def write(self, path, writer):
        super().write(path, writer)
        self._note("write", path, path.read_bytes())

    def append(self, path, text):
        super().append(path, text)
        self._note("write", path, path.read_bytes())

    def sync(self, path):
        super().sync(path)
        self._note("sync", path)

    def sync_folder(self, path):
        super().sync_folder(path)
        self._note("sync_folder", path)

    def rename(self, path, to):
        super().rename(path, to)
        self._note("rename", path, to.relative_to(self.root))

    def remove(self, path):
        super().remove(path)
        self._note("remove", path)

    def remove_empty(self, folder):
        super().remove_empty(folder)
        self._note("remove", folder)

    def _note(self, kind, path, *more):
        self.done.append((kind, path.relative_to(self.root), *more))


class Failing(Disk):
    """A disk that refuses its `place`-th operation with an error, once or from then on."""

    def __init__(self, place: int, number: int, *, for_ever: bool) -> None:
        self.place, self.number, self.for_ever, self.count = place, number, for_ever, 0

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name in ("make_folder", "write", "append", "sync", "sync_folder", "rename", "remove", "remove_empty"):
            self._count(name)
        return found

    def _count(self, name):
        self.count += 1
        if self.count == self.place or (self.for_ever and self.count > self.place):
            raise OSError(self.number, f"refused: {name}")


def replay(operations) -> Folder:
    """The disk in memory after these operations."""
    root = Folder()
    for kind, path, *more in operations:
        if kind == "note":
            continue
        home, name = _at(root, path.parent.parts), path.name
        if kind == "make_folder":
            home.change({name: Folder()})
        elif kind == "write":
            if name not in home.now:
                home.change({name: File()})
            home.now[name].now = more[0]
        elif kind == "sync":
            home.now[name].safe = home.now[name].now
        elif kind == "sync_folder":
            _at(root, path.parts).sync()
        elif kind == "rename":
            home.change({name: None, more[0].name: home.now[name]})
        else:
            home.change({name: None})
    return root


def lay_out(folder: Folder, place: Path, rng: random.Random) -> None:
    """Write one of the states that a cut may leave into an empty folder."""
    place.mkdir()
    for name, node in folder.after_cut(rng).items():
        if isinstance(node, Folder):
            lay_out(node, place / name, rng)
        else:
            (place / name).write_bytes(node.after_cut(rng))


def _with(entries, change):
    return {k: v for k, v in {**entries, **change}.items() if v is not None}


def _at(root: Folder, parts) -> Folder:
    for part in parts:
        root = root.now[part]
    return root
