"""Named data sets into the cache: whole, checked, recorded."""

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
from imtrans.kit.dataset_paths import folder_of, manual_instructions, present
from imtrans.net.download import PATIENT, RetryPolicy, Tick, download
from imtrans.net.file_lock import file_lock, process_name, sweep
from imtrans.net.http import display_url
from imtrans.net.io_errors import map_write_errors
from imtrans.net.unpack import Unpacked, fsync_tree, unpack
from imtrans.plugins.component import Archive, Component

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")


@dataclass(frozen=True)
class Fetched:
    """A data set in the cache; `sha256` is its archive's, `pinned` the declared one. `is_new`: fetched by this call."""

    folder: Path
    sha256: str = ""
    pinned: str = ""
    is_new: bool = False
    is_verified: bool = False


@dataclass(frozen=True, kw_only=True)
class ProgressCallbacks:
    """Who is told: lines of text, (bytes so far, bytes in all or 0) of a download, (done, count) of preparing."""

    say: Callable[[str], None] = lambda _: None
    tick: Tick = lambda _done, _all: None
    prepare: Tick = lambda _done, _all: None


SILENT = ProgressCallbacks()


def download_notice(name: str, archive: Archive, terms: str, *, source: str = "") -> str:
    """What is fetched, from where and on which terms: to be shown before."""
    counts = ", ".join(f"{split} {count:,}" for split, count in archive.counts.items())
    bytes_ = archive.size or archive.approx_bytes
    told = "; ".join(t for t in (counts, f"{bytes_ / 1e6:,.0f} MB" if bytes_ and not source else "") if t)
    origin = source or display_url(archive.url)
    return f"{name}{f' ({told})' if told else ''} from {origin}\nTerms: {terms or 'not stated'}"


def fetch_dataset(
    component: Component,
    *,
    url: str = "",
    archives: Sequence[Path] = (),
    listeners: ProgressCallbacks = SILENT,
    patience: RetryPolicy = PATIENT,
) -> Fetched:
    """The data set in the cache, brought there unless it is, with as many samples as its declaration counts.

    `url` goes before the declared one; the pinned sha256 is not asked of it. `archives` are files that a person has:
    the set's own archive, or those that its declaration names as `originals`. Raises DataError for a data set that
    cannot be fetched or an archive that is not right, DownloadError for the network, ResourceError for the disk.
    """
    name, folder = component.name, folder_of(component.name)
    plan = None if present(name) else _plan(component, url, archives)
    with map_write_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(folder.with_name(f".{name}.lock")) as sign:
        if plan is None or present(name):
            _clean_up(folder.parent, name)  # whoever put it there may have been killed just then
            return Fetched(folder)
        sweep(folder.parent, name, kinds=("tmp",))  # a part is first offered to the download
        source = ", ".join(str(p) for p in archives)
        listeners.say(download_notice(name, plan, component.info.terms, source=source))
        job = _Job(name, plan, listeners, sign, patience)
        try:
            return job.from_files(archives) if archives else job.from_web()
        except FileNotFoundError:  # where locks do nothing, another process may have finished and cleaned up
            if present(name):
                return Fetched(folder)
            raise


def _plan(component: Component, url: str, archives: Sequence[Path]) -> Archive:
    declared: Archive | None = component.info.archive
    if url and archives:
        raise ConfigError("--url and --archive: give one of them, not both")
    if archives:
        _check_there(archives)
        return declared or Archive()
    if url:
        return replace(declared or Archive(), url=url, sha256="", size=0)
    if declared is None or not declared.url:
        raise _unfetchable(component, declared)
    return declared


def _check_there(archives: Sequence[Path]) -> None:
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
    sign: Callable[[], None]
    patience: RetryPolicy

    def from_web(self) -> Fetched:
        archive = _waiting(self.name, self.plan.url)
        found = self._downloaded(archive)
        try:
            told = self._unpacked(archive, {"url": display_url(self.plan.url), "sha256": found})
        except DataError:
            archive.unlink(missing_ok=True)
            raise
        _clean_up(archive.parent, self.name)
        return self._done(found, told)

    def from_files(self, archives: Sequence[Path]) -> Fetched:
        names = [p.name for p in archives]
        if self.plan.prepare and (len(archives) > 1 or names[0] in self.plan.originals):
            return self._prepared(archives)
        if len(archives) > 1:
            takes = join_names(self.plan.originals) or "one archive"
            raise ConfigError(f"--archive: data set {self.name!r} is made from {takes}, not from {join_names(names)}")
        found = digest(archives[0])
        return self._done(found, self._unpacked(archives[0], {"archive": names[0], "sha256": found}))

    def _prepared(self, archives: Sequence[Path]) -> Fetched:
        module, _, attribute = self.plan.prepare.partition(":")
        prepare = getattr(importlib.import_module(module), attribute)

        def tick(done: int, count: int) -> None:
            self.sign()
            self.listeners.prepare(done, count)

        self.listeners.say(f"{self.name}: preparing")
        with self._stage() as stage:
            stage.mkdir()
            prepare(archives, stage, counts=self.plan.counts, tick=tick)
            with map_write_errors(stage):
                fsync_tree(stage, files=sum(self.plan.counts.values()))
            prepared = replace(self.plan, split_globs={}, record_bytes=0)  # whatever the packed set looks like
            install(self.name, stage, prepared, {"archives": [p.name for p in archives], "verified": False})
        _clean_up(folder_of(self.name).parent, self.name)
        return Fetched(folder_of(self.name), is_new=True, is_verified=True)

    def _unpacked(self, archive: Path, record: dict[str, object]) -> Unpacked:
        self.listeners.say(f"{self.name}: unpacking")
        with self._stage() as stage:
            limit = most_bytes(archive, self.plan)
            told = unpack(archive, stage, limit_bytes=limit, suffixes=self.plan.suffixes, tick=lambda _: self.sign())
            verified = bool(self.plan.sha256) and record["sha256"] == self.plan.sha256
            more = {"verified": verified, "files": told.files, "left_out": dict(told.left_out)}
            install(self.name, stage, self.plan, {**record, **more})
        return told

    @contextmanager
    def _stage(self) -> Iterator[Path]:
        stage = folder_of(self.name).with_name(process_name(self.name, "tmp"))
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _done(self, sha256: str, told: Unpacked) -> Fetched:
        if told.left_out:
            kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in told.left_out.most_common(5))
            self.listeners.say(f"{self.name}: left out {kinds}")
        pinned = self.plan.sha256
        is_verified = bool(pinned) and sha256 == pinned
        return Fetched(folder_of(self.name), sha256, pinned, is_new=True, is_verified=is_verified)

    def _downloaded(self, archive: Path) -> str:
        """The sha256 of the archive once it is there and right."""
        plan, record = self.plan, record_of(self.name)
        known = plan.sha256 or (str(record.get("sha256", "")) if record.get("url") == display_url(plan.url) else "")
        if archive.is_file():  # an earlier call was killed while it unpacked
            found = digest(archive)
            if found == known or not known:
                return found

        def tick(done: int, count: int) -> None:
            self.sign()
            self.listeners.tick(done, count)

        try:
            return download(
                plan.url, archive, sha256=known, size=plan.size, copies=2, tick=tick, patience=self.patience
            )
        except DownloadError as error:
            kept = error.hint.splitlines()[:-1]
            hand = f"or get that file in a browser, then: imtrans data fetch {self.name} --archive FILE"
            here = f"(unpacked, a folder {self.name} in DIR: --data-root DIR)"
            raise DownloadError(error.what, hint="\n".join([*kept, f"Try again later, {hand} {here}"])) from None
        except DataError as error:
            if known and known != plan.sha256 and known in error.what:
                hint = f"It was another file on {record.get('fetched', 'an earlier day')}. If you trust the new one,"
                hint = f"{hint} delete {record_path(self.name)} and fetch it again."
                raise DataError(error.what, hint=hint) from None
            raise


def _waiting(name: str, url: str) -> Path:
    """Where the whole archive waits to be unpacked; another URL, another file."""
    path = urlsplit(url).path.lower()
    suffix = next((s for s in SUFFIXES if path.endswith(s)), "")
    return folder_of(name).with_name(f".{name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}{suffix}")


def _clean_up(folder: Path, name: str) -> None:
    """Take away the archives that waited, also those that another URL brought before, and parts of them."""
    for path in folder.iterdir():
        if re.fullmatch(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}(\.tar\.gz|\.tgz|\.tar|\.zip)?", path.name):
            with suppress(OSError):
                path.unlink()
    sweep(folder, name)
