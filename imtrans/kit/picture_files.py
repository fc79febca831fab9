"""The picture files below a folder: links are followed, no folder twice."""

import getpass
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imtrans.errors import ResourceError, join_names, printable
from imtrans.kit.formats import is_picture, is_unread

JUNK = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass
class PictureFiles:
    """The picture files below a folder, relative to it, in the order of their bytes, and what else it holds.

    `unread` are pictures of formats that are not read.
    """

    names: Sequence[str] = ()
    folders: list[str] = field(default_factory=list)
    suffixes: "Counter[str]" = field(default_factory=Counter)
    junk: int = 0
    loops: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def rest_text(self) -> str:
        """What lies there beside pictures, in words; empty where there is nothing."""
        parts = [f"{count} {suffix}" for suffix, count in self.suffixes.most_common(3)]
        parts += [f"the folders {join_names(map(key_of, self.folders), most=4)}"] if self.folders else []
        return f"; it holds {', '.join(parts)}" if parts else ""

    def notes(self) -> Iterator[str]:
        """What was passed over, a line each."""
        if self.junk:
            yield f"{self.junk} hidden or system files passed over"
        if self.unread:
            suffixes = join_names({os.path.splitext(name)[1].lower() for name in self.unread})
            yield f"{len(self.unread):,} files of formats that are not read: {suffixes}"
        if self.loops:
            names = join_names(map(key_of, self.loops), most=3)
            yield f"{names}: links to a folder that has been read; not followed twice"


def find_pictures(folder: Path, *, deep: bool = True, skip: Collection[str] = ()) -> PictureFiles:
    """The picture files in a folder and, if `deep`, below it, but for the top folders that `skip` names.

    Hidden files and those of file managers are passed over, and counted. ResourceError where a folder cannot be read.
    """
    found = PictureFiles()
    # By bytes: the order does not depend on the locale, nor on how the file system lists names.
    names = list(_pictures(str(folder), found, deep=deep, skip=skip))
    # Plain text has the order of its bytes anyway.
    found.names = sorted(names, key=None if all(map(str.isascii, names)) else os.fsencode)
    return found


def key_of(stem: str) -> str:
    """A stem as a key: what no terminal, page or log can hold is escaped."""
    return stem if stem.isprintable() else printable(stem).replace("\n", "\\n")


def _pictures(top: str, others: PictureFiles, *, deep: bool, skip: Collection[str]) -> Iterator[str]:
    pending, visited = [""], {_identity(top)}
    while pending:
        below = pending.pop()
        for entry in _entries(os.path.join(top, below)):
            name = os.path.join(below, entry.name) if below else entry.name
            if entry.name.startswith(".") or entry.name.lower() in JUNK:
                others.junk += 1
            elif _is_folder(entry):
                if not deep or (not below and entry.name in skip):
                    others.folders.append(entry.name)
                elif _identity(entry.path) in visited:
                    others.loops.append(name)
                else:
                    visited.add(_identity(entry.path))
                    pending.append(name)
            elif is_picture(entry.name):
                yield name
            else:
                if is_unread(entry.name):
                    others.unread.append(name)
                others.suffixes[os.path.splitext(entry.name)[1] or "no suffix"] += 1


def _entries(folder: str) -> "Iterator[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise unreadable(Path(folder), error) from None


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(folder: str) -> tuple[int, int]:
    try:
        stat = os.stat(folder)
    except OSError as error:
        raise unreadable(Path(folder), error) from None
    return stat.st_dev, stat.st_ino


def unreadable(folder: Path, error: OSError) -> ResourceError:
    """The error for a folder that cannot be read, with the name of who tried."""
    try:
        who = f"user {getpass.getuser()}"
    except (OSError, KeyError, ImportError):
        who = "you"
    return ResourceError(f"{folder}: {error.strerror} for {who}", hint="Check read permission.")
