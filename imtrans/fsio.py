"""Every write that must survive a crash: whole files and whole folders, or nothing."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imtrans.errors import ResourceError

MANIFEST = "MANIFEST.json"


def replace_text(path: Path, text: str) -> None:
    """Write the file whole: a reader, also after a crash, finds the old text or the new one."""
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _resources(path):
        try:
            part.write_text(text, encoding="utf-8", newline="\n")
            sync(part)
            os.replace(part, path)
            sync_folder(path.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def append_text(path: Path, text: str) -> None:
    """Add lines to a log."""
    with _resources(path), path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


@contextlib.contextmanager
def staged_folder(final: Path) -> Iterator[Path]:
    """A folder to fill that becomes `final`, with a manifest of sizes and sha256, once the block ends well.

    Order: files to disk, manifest, folder, rename, parent. After a fault nothing is left but what was there before.
    """
    stage = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    with _resources(final):
        try:
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir(parents=True)
            yield stage
            _seal(stage)
            if final.exists():
                remove_folder(final)
            os.rename(stage, final)
            sync_folder(final.parent)
        except BaseException:
            shutil.rmtree(stage, ignore_errors=True)
            raise


def remove_folder(path: Path) -> None:
    """Take a folder away; a crash on the way leaves it whole or out of sight."""
    trash = path.with_name(f".trash-{path.name}.{os.getpid()}")
    os.rename(path, trash)
    shutil.rmtree(trash, ignore_errors=True)


def faults(folder: Path) -> list[str]:
    """What is wrong with a sealed folder, a line each: no manifest, or files that are not as it says."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return [fault for name, entry in manifest.items() if (fault := _fault(folder / name, entry))]
    except OSError:
        return [f"incomplete: no {MANIFEST}"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return [f"{MANIFEST} cannot be read"]


def sync(path: Path) -> None:
    """Wait until the file's bytes are on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the folder's names are on the disk; Windows has no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
    manifest.write_text(json.dumps({"files": entries}, indent=1), encoding="utf-8")
    sync(manifest)
    sync_folder(stage)


def _fault(path: Path, entry: dict[str, Any]) -> str:
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
