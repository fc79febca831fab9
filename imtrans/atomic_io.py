"""Writes that survive a crash: a file or folder is replaced as a whole, or not at all."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from imtrans.errors import ResourceError

MANIFEST = "MANIFEST.json"
HASHED_AT_ONCE = 4  # files of a folder
_TEMPORARY = re.compile(r"\.(?:trash-.+|.+)\.(?P<pid>\d+)(?:\.tmp)?")
# What reading a manifest raises that is no JSON, or JSON of another form.
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


class Disk:
    """The file operations of this module; tests replace `disk` by one that simulates a power failure."""

    def make_folder(self, path: Path) -> None:
        """Make the folder and those above it."""
        path.mkdir(parents=True)

    def write(self, path: Path, writer: Callable[[Path], object]) -> None:
        """Let `writer` fill the file; its bytes may still be lost in a power failure before `sync`."""
        writer(path)

    def append(self, path: Path, text: str) -> None:
        """Add text to the end of the file."""
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)

    def sync(self, path: Path) -> None:
        """Wait until the file's bytes are on the disk."""
        with path.open("rb+") as file:
            os.fsync(file.fileno())

    def sync_folder(self, path: Path) -> None:
        """Wait until the folder's names are on the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, path: Path, to: Path) -> None:
        """Give the file or folder another name; a file of that name is replaced."""
        os.replace(path, to)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def remove_empty(self, folder: Path) -> None:
        """Remove an empty folder."""
        folder.rmdir()

    def free(self, folder: Path) -> int:
        """The free bytes of the disk that the folder is on."""
        return shutil.disk_usage(folder).free


disk = Disk()


def replace_bytes(path: Path, content: bytes) -> None:
    """Write a file as a whole: a reader, also after a crash, finds the old content or the new one.

    Raises ResourceError if it cannot be written; then the old file is unchanged.
    """
    # In the same folder: a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _map_os_errors(path):
        try:
            disk.write(temporary, lambda p: p.write_bytes(content))
            sync(temporary)
            disk.rename(temporary, path)
            # Without this a power failure can undo the rename.
            sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def replace_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, as `replace_bytes` does; line ends stay as they are."""
    replace_bytes(path, text.encode("utf-8"))


def replace_json(path: Path, content: Any) -> None:
    """Write a record as JSON, as `replace_bytes` does."""
    replace_text(path, json.dumps(content, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The record in a JSON file; empty where there is none, or it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def append_text(path: Path, text: str) -> None:
    """Add lines to a log. Raises ResourceError if it cannot be written."""
    with _map_os_errors(path):
        disk.append(path, text)


def write_file(path: Path, writer: Callable[[Path], object]) -> None:
    """Let `writer` make a file in a staged folder."""
    disk.write(path, writer)


@contextlib.contextmanager
def staged_folder(final: Path) -> Iterator[Path]:
    """A temporary folder to fill; when the block ends without error it becomes `final`, with a manifest of its files.

    Order: files to disk, manifest, folder, rename, parent. After an error only what was there before is left.
    """
    stage = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    with _map_os_errors(final):
        try:
            shutil.rmtree(stage, ignore_errors=True)
            disk.make_folder(stage)
            yield stage
            _seal(stage)
            if final.exists():
                remove_folder(final)
            disk.rename(stage, final)
            sync_folder(final.parent)
        except BaseException:
            shutil.rmtree(stage, ignore_errors=True)
            raise


def remove_folder(path: Path) -> None:
    """Delete a folder; a crash in between leaves it whole, or hidden under a name that `sweep` deletes."""
    trash = path.with_name(f".trash-{path.name}.{os.getpid()}")
    with _map_os_errors(path):
        disk.rename(path, trash)
        _remove_tree(trash)


def sweep(folder: Path) -> list[Path]:
    """Delete temporary files and folders that dead processes, or this one, left in `folder`; returns their paths."""
    leftovers = [p for p in folder.iterdir() if (m := _TEMPORARY.fullmatch(p.name)) and _is_over(int(m["pid"]))]
    for path in leftovers:
        delete_leftover(path)
    return leftovers


def delete_leftover(path: Path) -> None:
    """Delete a file or a folder tree as far as possible; a link is deleted, not what it points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def faults(folder: Path) -> list[str]:
    """What is wrong with a staged folder, a line each: no manifest, or files that differ from it."""
    try:
        entries = _manifest(folder)
        found = _side_by_side(_fault, [folder / name for name in entries], [*entries.values()])
        return [fault for fault in found if fault]
    except OSError:
        return [f"incomplete: no {MANIFEST}"]
    except _MALFORMED:
        return [f"{MANIFEST} cannot be read"]


def is_complete(folder: Path) -> bool:
    """Whether a staged folder has all its files in their sizes; unlike `faults`, the bytes are not read."""
    try:
        return all((folder / name).stat().st_size == entry["bytes"] for name, entry in _manifest(folder).items())
    except (OSError, *_MALFORMED):
        return False


def sync(path: Path) -> None:
    """Wait until the file's bytes are on the disk."""
    disk.sync(path)


def sync_folder(path: Path) -> None:
    """Wait until the folder's names are on the disk; Windows has no such call."""
    if os.name != "nt":
        disk.sync_folder(path)


def is_alive(pid: int) -> bool:
    """Whether a process of this machine may be running; on Windows always true, as it cannot be found out safely."""
    if os.name == "nt":  # there os.kill(pid, 0) ends the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # PermissionError: it runs, and belongs to another user
        return True
    return True


def host_name() -> str:
    """The name of this machine as names of files carry it: letters, digits, `_` and `-`."""
    return re.sub(r"[^\w-]", "-", socket.gethostname())[:64] or "host"


def need_room(folder: Path, size: int) -> None:
    """Raise ResourceError if less than `size` bytes are free on the disk of the folder."""
    with _map_os_errors(folder):
        free = disk.free(folder)
    if free < size:
        raise ResourceError(
            f"{folder}: needs {size / 1e6:,.1f} MB, has {free / 1e6:,.1f} MB", hint="Make room on that disk."
        )


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _side_by_side(work: Callable[..., str], *arguments: Sequence[Any]) -> list[str]:
    """What `work` gives for each file; hashing leaves Python's lock to others."""
    from concurrent.futures import ThreadPoolExecutor  # light commands need none

    with ThreadPoolExecutor(HASHED_AT_ONCE) as pool:
        return [*pool.map(work, *arguments)]


def _seal(stage: Path) -> None:
    mask = _umask()
    files = sorted(p for p in stage.iterdir() if p.is_file())
    for path in files:
        path.chmod(0o666 & ~mask)  # safetensors makes its files private whatever the umask
        sync(path)
    digests = zip(files, _side_by_side(digest, files), strict=True)
    entries = {p.name: {"bytes": p.stat().st_size, "sha256": told} for p, told in digests}
    manifest = stage / MANIFEST
    text = json.dumps({"files": entries}, indent=1)
    disk.write(manifest, lambda p: p.write_text(text, encoding="utf-8"))
    sync(manifest)
    sync_folder(stage)


def _umask() -> int:
    try:
        fields = Path("/proc/self/status").read_text(encoding="utf-8").split()
        return int(fields[fields.index("Umask:") + 1], 8)
    except (OSError, ValueError, IndexError):
        # The other way to read it sets it, for all threads.
        mask = os.umask(0)
        os.umask(mask)
        return mask


def _remove_tree(folder: Path) -> None:
    # One operation of `disk` for each file, unlike shutil.rmtree: tests cut the power between any two.
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            _remove_tree(path)
        else:
            disk.remove(path)
    disk.remove_empty(folder)


def _is_over(pid: int) -> bool:
    """Nothing is in progress between two writes of one process, so the leftovers of this process count, too."""
    return pid == os.getpid() or not is_alive(pid)


def _manifest(folder: Path) -> dict[str, Any]:
    files: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    return files


def _fault(path: Path, entry: dict[str, Any]) -> str:
    if path.is_symlink():
        return f"{path.name} is a link"
    if not path.is_file():
        return f"{path.name} is missing"
    size = path.stat().st_size
    if size != entry["bytes"]:
        return f"{path.name} has {size:,} of {entry['bytes']:,} bytes"
    return "" if digest(path) == entry["sha256"] else f"{path.name} was changed (sha256 differs)"


@contextlib.contextmanager
def _map_os_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResourceError(f"{path}: cannot be written: {error.strerror or error}") from error
