"""A folder of this machine as a store."""

import os
import shutil
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans import atomic_io
from imtrans.errors import DataError, ResourceError
from imtrans.partial_output import partial_file

MAX_OPEN = 64  # files that stay open: opening costs more than reading where a disk is in a network


class FolderStore:
    """The files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, str(folder)
        self._open: OrderedDict[str, int] = OrderedDict()
        # Not __del__: at the end of the interpreter the modules that it calls may be gone.
        weakref.finalize(self, _close_all, self._open)

    def sizes(self) -> Mapping[str, int] | None:
        """The files that are there now, with their bytes."""
        try:
            with os.scandir(self.folder) as entries:
                return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
        except OSError as error:
            raise self._error(self.address, error) from None

    def tree(self) -> Sequence[str] | None:
        """The names of all files, also of those in folders."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return [path.relative_to(self.folder).as_posix() for path in paths]

    def read(self, name: str) -> bytes:
        """A whole file."""
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise self._error(self.place(name), error) from None

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        """Whole files, one after the other."""
        return [self.read(name) for name in names]

    def read_range(self, name: str, start: int, end: int) -> bytes:
        """The bytes of a file from `start` to before `end`; fewer where it ends before."""
        try:
            if hasattr(os, "pread"):  # needs no position, which processes after a fork would share
                return os.pread(self._descriptor(name), end - start, start)
            with (self.folder / name).open("rb") as file:
                file.seek(start)
                return file.read(end - start)
        except OSError as error:
            raise self._error(self.place(name), error) from None

    def forget(self, name: str, start: int, end: int) -> None:
        """Nothing: there is no cache."""

    def write(self, name: str, content: Path) -> None:
        """Copy a file there, as a whole or not at all."""
        try:
            with partial_file(self.folder / name) as part:
                shutil.move(content, part)
                atomic_io.sync(part)
        except OSError as error:
            raise ResourceError(f"{self.place(name)}: {error.strerror}", hint="Give a place with room.") from None

    def place(self, name: str) -> str:
        """The path of a file."""
        return str(self.folder / name)

    def path(self, name: str) -> Path | None:
        """The path of a file."""
        return self.folder / name

    def _descriptor(self, name: str) -> int:
        if name in self._open:
            self._open.move_to_end(name)
            return self._open[name]
        if len(self._open) >= MAX_OPEN:
            os.close(self._open.popitem(last=False)[1])
        self._open[name] = os.open(self.folder / name, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        return self._open[name]

    @staticmethod
    def _error(place: str, error: OSError) -> DataError | ResourceError:
        if isinstance(error, PermissionError):
            return ResourceError(f"{place}: {error.strerror}", hint="Make it readable for this user.")
        return DataError(f"{place}: {error.strerror or error}", hint="Restore it, or give another place.")

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["folder"])  # type: ignore[misc]


def _close_all(descriptors: Mapping[str, int]) -> None:
    for descriptor in descriptors.values():
        os.close(descriptor)
