"""Named data sets into the cache: whole, checked, recorded."""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from imtrans.component import Archive, Component
from imtrans.errors import DataError
from imtrans.fsio import digest, replace_text, sync_folder
from imtrans.kit import formats
from imtrans.kit.archive import Unpacked, unpack
from imtrans.kit.disk import written
from imtrans.kit.fetch import PATIENT, Patience, Tick, download
from imtrans.kit.shelf import by_hand, folder_of, present
from imtrans.kit.turn import own_name, sweep, turn
from imtrans.kit.web import shown

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
# Pictures hardly grow when they are unpacked; a bomb grows a thousandfold.
GROWTH, SMALL = 10, 64 << 20


@dataclass(frozen=True)
class Fetched:
    """A data set in the cache; `sha256` is its archive's. `is_new`: fetched by this call."""

    folder: Path
    sha256: str = ""
    is_new: bool = False
    is_verified: bool = False


@dataclass(frozen=True, kw_only=True)
class Listeners:
    """Who is told of a download: lines of text, and (bytes so far, bytes in all or 0)."""

    say: Callable[[str], None] = lambda _: None
    tick: Tick = lambda _done, _all: None


SILENT = Listeners()


def about(name: str, archive: Archive, terms: str) -> str:
    """What is fetched, from where and on which terms: to be shown before."""
    counts = ", ".join(f"{split} {count:,}" for split, count in archive.counts.items())
    size = f"{archive.size / 1e6:,.0f} MB" if archive.size else ""
    told = "; ".join(t for t in (counts, size) if t)
    return f"{name}{f' ({told})' if told else ''} from {shown(archive.url)}\nTerms: {terms or 'not stated'}"


def fetch_dataset(
    component: Component, *, url: str = "", listeners: Listeners = SILENT, patience: Patience = PATIENT
) -> Fetched:
    """The data set in the cache, fetched unless it is there, with as many pictures as its declaration counts.

    `url` goes before the declared one; the pinned sha256 is not asked of it. Raises DataError for a data set without an
    archive or an archive that is not right, DownloadError for the network, ResourceError for the disk.
    """
    name, folder = component.name, folder_of(component.name)
    if present(name):
        return Fetched(folder)
    plan = _plan(component, url)
    with written(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with turn(folder.with_name(f".{name}.lock")) as sign:
        if present(name):
            return Fetched(folder)
        sweep(folder.parent, name)
        listeners.say(about(name, plan, component.info.terms))
        try:
            return _fetch(name, plan, listeners, sign, patience)
        except FileNotFoundError:  # where locks do nothing, another process may have finished and cleaned up
            if present(name):
                return Fetched(folder)
            raise


def record_of(name: str) -> Mapping[str, Any]:
    """What is known of the archive that a data set came from: url, sha256, bytes; empty if it was not fetched."""
    try:
        told = json.loads(_record_path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _plan(component: Component, url: str) -> Archive:
    archive: Archive | None = component.info.archive
    if url:
        return replace(archive, url=url, sha256="", size=0) if archive else Archive(url=url)
    if archive is None:
        terms = f" ({component.info.terms})" if component.info.terms else ""
        raise DataError(f"data set {component.name!r} cannot be downloaded{terms}", mend=by_hand(component.name))
    return archive


def _fetch(name: str, plan: Archive, listeners: Listeners, sign: Callable[[], None], patience: Patience) -> Fetched:
    def tick(done: int, count: int) -> None:
        sign()
        listeners.tick(done, count)

    archive = _waiting(name, plan.url)
    found = _archive(archive, name, plan, tick, patience)
    incoming = archive.with_name(own_name(name, "tmp"))
    try:
        listeners.say(f"{name}: unpacking")
        limit = max(archive.stat().st_size * GROWTH, SMALL)
        told = unpack(archive, incoming, limit_bytes=limit, tick=lambda _: sign())
        root = _root(incoming)
        _check_counts(name, root, plan.counts)
        _remember(name, plan, found, told)
        _put(root, folder_of(name))
    except DataError:
        archive.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    _clean_up(archive.parent, name)
    if told.left_out:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in told.left_out.most_common(5))
        listeners.say(f"{name}: left out {kinds}")
    return Fetched(folder_of(name), found, is_new=True, is_verified=bool(plan.sha256))


def _waiting(name: str, url: str) -> Path:
    """Where the whole archive waits to be unpacked; another URL, another file."""
    path = urlsplit(url).path.lower()
    suffix = next((s for s in SUFFIXES if path.endswith(s)), "")
    return folder_of(name).with_name(f".{name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}{suffix}")


def _archive(archive: Path, name: str, plan: Archive, tick: Tick, patience: Patience) -> str:
    """The sha256 of the archive once it is there and right."""
    record = record_of(name)
    known = plan.sha256 or (str(record.get("sha256", "")) if record.get("url") == shown(plan.url) else "")
    if archive.is_file():  # an earlier call was killed while it unpacked
        found = digest(archive)
        if found == known or not known:
            return found
    try:
        return download(plan.url, archive, sha256=known, size=plan.size, copies=2, tick=tick, patience=patience)
    except DataError as error:
        if known and known != plan.sha256 and known in error.what:
            mend = f"It was another file on {record.get('fetched', 'an earlier day')}. If you trust the new one, delete"
            raise DataError(error.what, mend=f"{mend} {_record_path(name)} and fetch it again.") from None
        raise


def _clean_up(folder: Path, name: str) -> None:
    """Take away the archives that waited, also those that another URL brought before."""
    for path in folder.iterdir():
        if re.fullmatch(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}(\.tar\.gz|\.tgz|\.tar|\.zip)?", path.name):
            path.unlink(missing_ok=True)


def _root(folder: Path) -> Path:
    """The folder with the splits: the one unpacked, or the only one in it."""
    inner = [p for p in folder.iterdir() if p.is_dir()]
    if len(inner) != 1 or any((folder / split).is_dir() for split in ("train", "val", "test")):
        return folder
    return _root(inner[0])


def _check_counts(name: str, root: Path, counts: Mapping[str, int]) -> None:
    found = {split: _count(root / split) for split in counts}
    if found != dict(counts):
        told, wanted = (", ".join(f"{s} {n:,}" for s, n in each.items()) for each in (found, counts))
        mend = "The archive was deleted. Fetch it again; if it stays so, its publisher has changed it."
        raise DataError(f"data set {name!r}: its archive holds {told} pictures, not {wanted}", mend=mend)


def _count(split: Path) -> int:
    """The pairs of a split: its pictures, or those of one side where they lie in two folders."""
    own = [
        sum(p.suffix.lower() in formats.SUFFIXES for p in f.iterdir()) for f in (split, *_folders(split)) if f.is_dir()
    ]
    return max(own, default=0)


def _folders(folder: Path) -> list[Path]:
    return [p for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []


def _remember(name: str, plan: Archive, sha256: str, told: Unpacked) -> None:
    record = {
        "url": shown(plan.url),
        "sha256": sha256,
        "verified": bool(plan.sha256),
        "fetched": time.strftime("%Y-%m-%d"),
        "files": told.files,
        "left_out": dict(told.left_out),
    }
    own = folder_of(name).with_name(own_name(name, "part"))  # the name of replace_text's own is not unique in a process
    replace_text(own, json.dumps(record, indent=1) + "\n")
    os.replace(own, _record_path(name))


def _put(root: Path, folder: Path) -> None:
    try:
        os.rename(root, folder)
    except OSError:
        if not present(folder.name):
            raise
    sync_folder(folder.parent)


def _record_path(name: str) -> Path:
    return folder_of(name).with_name(f"{name}.json")
