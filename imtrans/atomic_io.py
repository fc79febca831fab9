"""Every write that must survive a crash: whole files and whole folders, or nothing."""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from imtrans.errors import ResourceError

MANIFEST = "MANIFEST.json"
_LEFT = re.compile(r"\.(?:trash-.+|.+)\.(?P<pid>\d+)(?:\.tmp)?")


class Disk:
    """The operations that all of this consists of; tests put another in the place of `disk` to cut the power."""

    def make_folder(self, path: Path) -> None:
        path.mkdir(parents=True)

    def write(self, path: Path, writer: Callable[[Path], object]) -> None:
        """Let `writer` fill the file; nothing is on the disk for good before `sync`."""
        writer(path)

    def append(self, path: Path, text: str) -> None:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)

    def sync(self, path: Path) -> None:
        with path.open("rb+") as file:
            os.fsync(file.fileno())

    def sync_folder(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, path: Path, to: Path) -> None:
        os.replace(path, to)

    def remove(self, path: Path) -> None:
        path.unlink()

    def remove_empty(self, folder: Path) -> None:
        folder.rmdir()

    def free(self, folder: Path) -> int:
        return shutil.disk_usage(folder).free


disk = Disk()


def replace_text(path: Path, text: str) -> None:
    """Write the file whole: a reader, also after a crash, finds the old text or the new one."""
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _resources(path):
        try:
            disk.write(part, lambda p: p.write_text(text, encoding="utf-8", newline="\n"))
            sync(part)
            disk.rename(part, path)
            sync_folder(path.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def replace_json(path: Path, content: Any) -> None:
    """Write a record as JSON, whole."""
    replace_text(path, json.dumps(content, indent=1) + "\n")


def append_text(path: Path, text: str) -> None:
    """Add lines to a log."""
    with _resources(path):
        disk.append(path, text)


def write_file(path: Path, writer: Callable[[Path], object]) -> None:
    """Let `writer` make a file in a folder that is staged."""
    disk.write(path, writer)


@contextlib.contextmanager
def staged_folder(final: Path) -> Iterator[Path]:
    """A folder to fill that becomes `final`, with a manifest of sizes and sha256, once the block ends well.

    Order: files to disk, manifest, folder, rename, parent. After a fault nothing is left but what was there before.
    """
    stage = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    with _resources(final):
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
    """Take a folder away; a crash on the way leaves it whole or out of sight."""
    trash = path.with_name(f".trash-{path.name}.{os.getpid()}")
    with _resources(path):
        disk.rename(path, trash)
        _remove_tree(trash)


def sweep(folder: Path) -> list[Path]:
    """Take away what unfinished work of dead processes, or of this one, has left in a folder; gives what it was."""
    left = [p for p in folder.iterdir() if (m := _LEFT.fullmatch(p.name)) and _is_over(int(m["pid"]))]
    for path in left:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return left


def faults(folder: Path) -> list[str]:
    """What is wrong with a sealed folder, a line each: no manifest, or files that are not as it says."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return [fault for name, entry in manifest.items() if (fault := _fault(folder / name, entry))]
    except OSError:
        return [f"incomplete: no {MANIFEST}"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return [f"{MANIFEST} cannot be read"]


def is_complete(folder: Path) -> bool:
    """Whether a sealed folder has all its files in their sizes; unlike `faults`, the bytes are not read."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return all((folder / name).stat().st_size == entry["bytes"] for name, entry in manifest.items())
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def sync(path: Path) -> None:
    """Wait until the file's bytes are on the disk."""
    disk.sync(path)


def sync_folder(path: Path) -> None:
    """Wait until the folder's names are on the disk; Windows has no such call."""
    if os.name != "nt":
        disk.sync_folder(path)


def is_alive(pid: int) -> bool:
    """Whether a process of this machine may be there; on Windows nobody can tell."""
    if os.name == "nt":  # there os.kill ends the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def need_room(folder: Path, size: int) -> None:
    """Raise ResourceError if less than `size` bytes are free where the folder lies."""
    with _resources(folder):
        free = disk.free(folder)
    if free < size:
        raise ResourceError(
            f"{folder}: needs {size / 1e6:,.1f} MB, has {free / 1e6:,.1f} MB", hint="Make room on that disk."
        )


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(stage: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    files = sorted(p for p in stage.iterdir() if p.is_file())
    for path in files:
        path.chmod(0o666 & ~mask)  # safetensors makes its files private whatever the umask
        sync(path)
    entries = {p.name: {"bytes": p.stat().st_size, "sha256": digest(p)} for p in files}
    manifest = stage / MANIFEST
    text = json.dumps({"files": entries}, indent=1)
    disk.write(manifest, lambda p: p.write_text(text, encoding="utf-8"))
    sync(manifest)
    sync_folder(stage)


def _remove_tree(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            _remove_tree(path)
        else:
            disk.remove(path)
    disk.remove_empty(folder)


def _is_over(pid: int) -> bool:
    """Nothing is under way between two writes of one process, so its own leftovers are over, too."""
    return pid == os.getpid() or not is_alive(pid)


def _fault(path: Path, entry: dict[str, Any]) -> str:
    if path.is_symlink():
        return f"{path.name} is a link"
    have = path.stat().st_size if path.is_file() else -1
    if have < 0:
        return f"{path.name} is missing"
    if have != entry["bytes"]:
        return f"{path.name} has {have:,} of {entry['bytes']:,} bytes"
    return "" if digest(path) == entry["sha256"] else f"{path.name} was changed (sha256 differs)"


@contextlib.contextmanager
def _resources(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResourceError(f"{path}: cannot be written: {error.strerror or error}") from error
