"""Download of named data sets into the cache: complete, checked and recorded."""

import hashlib
import importlib
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from imtrans.atomic_io import digest
from imtrans.engine.datasets.dataset_install import install, most_bytes, record_of, record_path
from imtrans.errors import ConfigError, DataError, DownloadError, join_names
from imtrans.interfaces import Tick
from imtrans.kit.dataset_paths import folder_of, manual_instructions, present
from imtrans.net.download import download
from imtrans.net.file_lock import file_lock, process_name, sweep
from imtrans.net.http import display_url
from imtrans.net.io_errors import map_write_errors
from imtrans.net.retry import DEFAULT_RETRIES, RetryPolicy
from imtrans.net.unpack import Unpacked, fsync_tree, unpack
from imtrans.plugins.component import Archive, Component

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")


@dataclass(frozen=True)
class Fetched:
    """A data set in the cache; `sha256` of its archive, `pinned` the declared one. `is_new`: fetched by this call."""

    folder: Path
    sha256: str = ""
    pinned: str = ""
    is_new: bool = False
    is_verified: bool = False


@dataclass(frozen=True, kw_only=True)
class ProgressCallbacks:
    """Called with: lines of text; (bytes so far, bytes in all or 0) of a download; (done, count) of preparing."""

    say: Callable[[str], None] = lambda _: None
    tick: Tick = lambda _done, _all: None
    prepare: Tick = lambda _done, _all: None


SILENT = ProgressCallbacks()


def download_notice(name: str, archive: Archive, terms: str, *, source: str = "") -> str:
    """What is downloaded, from where and on which terms: shown before the download."""
    counts = ", ".join(f"{split} {count:,}" for split, count in archive.counts.items())
    size = archive.size or archive.approx_bytes
    details = "; ".join(t for t in (counts, f"{size / 1e6:,.0f} MB" if size and not source else "") if t)
    origin = source or display_url(archive.url)
    return f"{name}{f' ({details})' if details else ''} from {origin}\nTerms: {terms or 'not stated'}"


def fetch_dataset(
    component: Component,
    *,
    url: str = "",
    archives: Sequence[Path] = (),
    listeners: ProgressCallbacks = SILENT,
    retries: RetryPolicy = DEFAULT_RETRIES,
) -> Fetched:
    """The data set in the cache, downloaded if it is not there, with the declared number of samples.

    `url` replaces the declared one, and the pinned sha256 is not checked then. `archives` are files of the user: the
    archive of the set, or those that its declaration names as `originals`. Raises DataError for a data set that cannot
    be downloaded or an archive that is not the expected one, DownloadError for the network, ResourceError for the disk.
    """
    name, folder = component.name, folder_of(component.name)
    plan = None if present(name) else _plan(component, url, archives)
    with map_write_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(folder.with_name(f".{name}.lock")) as keep_alive:
        if plan is None or present(name):
            _clean_up(folder.parent, name)  # the process that installed it may have been killed before it did so
            return Fetched(folder)
        sweep(folder.parent, name, kinds=("tmp",))  # parts stay: the download may continue one
        source = ", ".join(str(p) for p in archives)
        listeners.say(download_notice(name, plan, component.info.terms, source=source))
        job = _Job(name, plan, listeners, keep_alive, retries)
        try:
            return job.from_files(archives) if archives else job.from_web()
        except FileNotFoundError:  # where locks do not work, another process may have installed it and cleaned up
            if present(name):
                return Fetched(folder)
            raise


def _plan(component: Component, url: str, archives: Sequence[Path]) -> Archive:
    declared: Archive | None = component.info.archive
    if url and archives:
        raise ConfigError("--url and --archive: give one of them, not both")
    if archives:
        _check_exist(archives)
        return declared or Archive()
    if url:
        return replace(declared or Archive(), url=url, sha256="", size=0)
    if declared is None or not declared.url:
        raise _unfetchable(component, declared)
    return declared


def _check_exist(archives: Sequence[Path]) -> None:
    missing = next((p for p in archives if not p.is_file()), None)
    if missing:
        raise DataError(f"--archive {missing}: no such file", hint="Give the archive as its publisher packs it.")


def _unfetchable(component: Component, declared: Archive | None) -> DataError:
    name, terms = component.name, component.info.terms
    if declared is None or not declared.site:
        what = f"data set {name!r} cannot be downloaded{f' ({terms})' if terms else ''}"
        return DataError(what, hint=manual_instructions(name))
    return DataError(
        f"data set {name!r} cannot be downloaded: {declared.site} asks for a login",
        hint=f"Get its archive there in a browser, then: imtrans data fetch {name} --archive FILE\n"
        + manual_instructions(name, places=declared.split_globs),
    )


@dataclass(frozen=True)
class _Job:
    name: str
    plan: Archive
    listeners: ProgressCallbacks
    keep_alive: Callable[[], None]
    retries: RetryPolicy

    def from_web(self) -> Fetched:
        archive = _archive_path(self.name, self.plan.url)
        sha256 = self._download(archive)
        try:
            unpacked = self._unpack(archive, {"url": display_url(self.plan.url), "sha256": sha256})
        except DataError:
            archive.unlink(missing_ok=True)
            raise
        _clean_up(archive.parent, self.name)
        return self._fetched(sha256, unpacked)

    def from_files(self, archives: Sequence[Path]) -> Fetched:
        names = [p.name for p in archives]
        if self.plan.prepare and (len(archives) > 1 or names[0] in self.plan.originals):
            return self._prepare(archives)
        if len(archives) > 1:
            expected = join_names(self.plan.originals) or "one archive"
            raise ConfigError(
                f"--archive: data set {self.name!r} is made from {expected}, not from {join_names(names)}"
            )
        sha256 = digest(archives[0])
        return self._fetched(sha256, self._unpack(archives[0], {"archive": names[0], "sha256": sha256}))

    def _prepare(self, archives: Sequence[Path]) -> Fetched:
        module, _, attribute = self.plan.prepare.partition(":")
        prepare = getattr(importlib.import_module(module), attribute)

        def tick(done: int, count: int) -> None:
            self.keep_alive()
            self.listeners.prepare(done, count)

        self.listeners.say(f"{self.name}: preparing")
        with self._stage() as stage:
            stage.mkdir()
            prepare(archives, stage, counts=self.plan.counts, tick=tick)
            with map_write_errors(stage):
                fsync_tree(stage, files=sum(self.plan.counts.values()))
            prepared = replace(self.plan, split_globs={}, record_bytes=0)  # those describe the original archives
            install(self.name, stage, prepared, {"archives": [p.name for p in archives], "verified": False})
        _clean_up(folder_of(self.name).parent, self.name)
        return Fetched(folder_of(self.name), is_new=True, is_verified=True)

    def _unpack(self, archive: Path, record: dict[str, object]) -> Unpacked:
        self.listeners.say(f"{self.name}: unpacking")
        with self._stage() as stage:
            limit = most_bytes(archive, self.plan)
            unpacked = unpack(
                archive, stage, limit_bytes=limit, suffixes=self.plan.suffixes, tick=lambda _: self.keep_alive()
            )
            verified = bool(self.plan.sha256) and record["sha256"] == self.plan.sha256
            counts = {"verified": verified, "files": unpacked.files, "left_out": dict(unpacked.left_out)}
            install(self.name, stage, self.plan, {**record, **counts})
        return unpacked

    @contextmanager
    def _stage(self) -> Iterator[Path]:
        stage = folder_of(self.name).with_name(process_name(self.name, "tmp"))
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _fetched(self, sha256: str, unpacked: Unpacked) -> Fetched:
        if unpacked.left_out:
            kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in unpacked.left_out.most_common(5))
            self.listeners.say(f"{self.name}: left out {kinds}")
        pinned = self.plan.sha256
        is_verified = bool(pinned) and sha256 == pinned
        return Fetched(folder_of(self.name), sha256, pinned, is_new=True, is_verified=is_verified)

    def _download(self, archive: Path) -> str:
        """Download the archive unless it is on disk; returns its sha256."""
        plan, record = self.plan, record_of(self.name)
        # Without a pinned sha256 a download must at least be the same file as the one before.
        known = plan.sha256 or (str(record.get("sha256", "")) if record.get("url") == display_url(plan.url) else "")
        if archive.is_file():  # an earlier call was killed while it unpacked
            sha256 = digest(archive)
            if sha256 == known or not known:
                return sha256

        def tick(done: int, count: int) -> None:
            self.keep_alive()
            self.listeners.tick(done, count)

        try:
            return download(plan.url, archive, sha256=known, size=plan.size, copies=2, tick=tick, retries=self.retries)
        except DownloadError as error:
            resume = error.hint.splitlines()[:-1]  # the last line is the general hint of `download`
            by_hand = f"or get that file in a browser, then: imtrans data fetch {self.name} --archive FILE"
            unpacked = f"(unpacked, a folder {self.name} in DIR: --data-root DIR)"
            hint = "\n".join([*resume, f"Try again later, {by_hand} {unpacked}"])
            raise DownloadError(error.what, hint=hint) from None
        except DataError as error:
            if known and known != plan.sha256 and known in error.what:
                hint = f"It was another file on {record.get('fetched', 'an earlier day')}. If you trust the new one,"
                hint = f"{hint} delete {record_path(self.name)} and fetch it again."
                raise DataError(error.what, hint=hint) from None
            raise


def _archive_path(name: str, url: str) -> Path:
    """The path of a complete archive until it is unpacked; each URL has its own."""
    path = urlsplit(url).path.lower()
    suffix = next((s for s in SUFFIXES if path.endswith(s)), "")
    return folder_of(name).with_name(f".{name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}{suffix}")


def _clean_up(folder: Path, name: str) -> None:
    """Delete the archives of a data set, also those of other URLs, and what dead processes left."""
    suffix = "|".join(re.escape(s) for s in SUFFIXES)
    for path in folder.iterdir():
        if re.fullmatch(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}({suffix})?", path.name):
            with suppress(OSError):
                path.unlink()
    sweep(folder, name)
