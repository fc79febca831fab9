"""Where decoded samples are cached, for which runs, and which of them stay valid when files or code change."""

import contextlib
import hashlib
import importlib
import importlib.metadata
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

import imtrans
from imtrans.atomic_io import sync_folder
from imtrans.engine.data.cache_format import CacheFile, CacheLayout
from imtrans.engine.data.cache_store import CacheStore, note, stamp
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.errors import ImtransError, ResourceError
from imtrans.kit.images import Array
from imtrans.net.file_lock import file_lock, process_name, sweep

MAX_BYTES = 8 << 30
SHARE = 4  # a cache may take one part in so many of the free disk
UNUSED = 30 * 24 * 3600.0  # seconds after which a file that no run has opened is removed
FOLDER, KIND = "decoded", ".map"
LIBRARIES = ("cv2", "PIL", "numpy")
LATE_LIBRARIES = ("tifffile", "imagecodecs")  # by distribution: importing them takes 0.2 s


def with_cache(loadings: Iterable[PairLoader], cache: str, *, is_silent: bool = False) -> list[PairLoader]:
    """The loaders, each with a cache of its decoded samples where `cache` asks for one and it can be made.

    "auto" caches what comes from files and fits: at most 8 GB and a quarter of the free disk a split. "on" caches
    synthetic samples, too, and whatever their size; "off" nothing. Where the cache folder cannot be written one warning
    is printed, and the loaders are returned as they are.
    """
    loaders = [*loadings]
    try:
        return [_with_cache(loader, cache, is_silent=is_silent) for loader in loaders]
    except (OSError, ResourceError) as error:
        if not is_silent:
            note(error.what if isinstance(error, ResourceError) else f"{error.filename}: {error.strerror or error}")
        return loaders


def _with_cache(loading: PairLoader, cache: str, *, is_silent: bool) -> PairLoader:
    dataset = loading.source.dataset
    # Of a data set that draws its samples no two epochs have the same.
    if cache == "off" or not loading.size or dataset.collate or dataset.is_drawn or not len(dataset):
        return loading
    if cache == "auto" and not (dataset.files(0) or dataset.stamp(0)):
        return loading
    try:
        first = loading.sample(0)
    except ImtransError:  # the loop reads the sample again and reports it
        return loading
    # The sample itself is not cached: its file can change before its stamp is taken.
    layout, path = CacheLayout.like(first, len(dataset)), _cache_path(loading)
    if not path.exists() and cache == "auto" and not _fits(layout.bytes, path.parent):
        return loading
    code = _code(loading)
    numbers, stamps = _stamps(loading, code)
    _ensure_file(path, layout, stamps)
    store = CacheStore(path=path, layout=layout, code=code, stamps=stamps, numbers=numbers, is_silent=is_silent)
    return replace(loading, cache=store)


def _cache_path(loading: PairLoader) -> Path:
    """One file for all that decides what a sample looks like, besides its own files and the code that reads them."""
    source, files = loading.source, loading.source.dataset.files(0)
    folder = os.path.dirname(os.path.abspath(files[0])) if files else ""
    return loading.cache_path(FOLDER, KIND, source.skip_invalid, loading.interpolation, loading.is_reversed, folder)


def _fits(size: int, folder: Path) -> bool:
    return size <= min(MAX_BYTES, shutil.disk_usage(folder.parent).free // SHARE)


def _code(loading: PairLoader) -> bytes:
    """Identifies the code that makes samples: versions, and the source files of the data sets' packages."""
    dataset = loading.source.resolved
    targets = {c.target.partition(":")[0] for c in (dataset.component, *dataset.inner.values())}
    packages = {target.partition(".")[0] for target in targets} | {"imtrans.kit", "imtrans.engine.data.loader"}
    lines = [imtrans.__version__, *(str(importlib.import_module(n).__version__) for n in LIBRARIES)]
    lines += [_version(name) for name in LATE_LIBRARIES]
    files = sorted({file for package in packages for file in _sources(package)})
    # The version alone does not change when somebody edits a data set's code, whose old samples are then wrong.
    lines += [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return hashlib.blake2b("\0".join(lines).encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _version(distribution: str) -> str:
    """The version of a distribution that is installed, without importing it; else nothing."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _sources(module: str) -> list[Path]:
    """The files of a module that is loaded, or of its whole package."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file:
        return []
    path = Path(file)
    return [*path.parent.rglob("*.py")] if path.name == "__init__.py" else [path]


def _stamps(loading: PairLoader, code: bytes) -> tuple[Array, Array]:
    """For each sample how many before it have the same files (N,) uint32, and its stamp (N,) uint64."""
    dataset, occurrences = loading.source.dataset, Counter[int]()
    count = len(dataset)
    numbers, stamps = np.zeros(count, np.uint32), np.zeros(count, np.uint64)
    for index in range(count):
        files = dataset.files(index)
        key = hash(tuple(files))
        numbers[index], occurrences[key] = occurrences[key], occurrences[key] + 1
        stamps[index] = stamp(files, code, number=int(numbers[index]), text=dataset.stamp(index))
    return numbers, stamps


def _ensure_file(path: Path, layout: CacheLayout, stamps: Array) -> None:
    """Make sure that the slots of the file at `path` are empty or up to date. OSError where it cannot be made.

    Other processes may be reading a file with outdated slots: they keep it, and a new file takes its name.
    """
    path.parent.mkdir(exist_ok=True)
    with file_lock(path.with_suffix(".lock")) as keep_alive:
        present = CacheLayout.from_file(path)
        slots = CacheFile.open(path, present) if present and present.sides == layout.sides else None
        if slots and present == layout and not _is_stale(slots, stamps):
            _touch(path)
            return
        if slots is None:
            _sweep_unused(path.parent)
        sweep(path.parent, path.name)
        part = path.with_name(process_name(path.name, "part"))
        try:
            fresh = CacheFile.make(part, layout)
            if slots:
                _copy(slots, fresh, stamps, keep_alive=keep_alive)
            fresh.sync()
            os.replace(part, path)
            sync_folder(path.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _is_stale(slots: CacheFile, stamps: Array) -> bool:
    present = slots.stamps
    return bool(((present != 0) & (present != stamps)).any())


def _copy(old: CacheFile, new: CacheFile, stamps: Array, *, keep_alive: Callable[[], None]) -> None:
    """Copy the samples of the old file that are still valid, whatever their index is in the new one."""
    slots = {int(stamp): slot for slot, stamp in enumerate(old.stamps) if stamp}
    for index, expected in enumerate(stamps):
        slot = slots.get(int(expected))
        if slot is not None and old.is_right(slot):
            arrays = [block[slot] for block in old.blocks.values()]
            new.write(index, arrays, key=old.key(slot), stamp=int(expected))
            keep_alive()  # a lock that shows no sign of life for long is taken by others


def _touch(path: Path) -> None:
    """Note that the file was used: its time decides when it is removed."""
    with contextlib.suppress(OSError):
        os.utime(path)


def _sweep_unused(folder: Path) -> None:
    for path in folder.glob(f"*{KIND}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > UNUSED:
                path.unlink()
