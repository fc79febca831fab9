"""Where decoded samples are kept, for which runs, and what becomes of them when files or code change."""

import contextlib
import hashlib
import importlib
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import imtrans
from imtrans.atomic_io import sync_folder
from imtrans.engine.data.cache_format import CacheFile, CacheLayout
from imtrans.engine.data.cache_store import CacheStore, note, stamp
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.errors import ImtransError, ResourceError
from imtrans.net.cache_dir import cache_dir
from imtrans.net.file_lock import file_lock, process_name, sweep

MOST_BYTES = 8 << 30
SHARE = 4  # of the free disk one part in so many
UNUSED = 30 * 24 * 3600.0  # seconds after which a file that no run has opened goes
FOLDER, KIND = "decoded", ".map"
LIBRARIES = ("cv2", "PIL", "numpy")
Array = np.ndarray[Any, Any]


def with_cache(loadings: Iterable[PairLoader], cache: str, *, is_silent: bool = False) -> list[PairLoader]:
    """The loadings, each with its decoded samples kept where that is wanted and can be.

    "auto" keeps what comes from files and fits: at most 8 GB and a quarter of the free disk a split. "on" keeps drawn
    samples, too, and whatever their size. Where the cache folder cannot be written one note is printed.
    """
    given = [*loadings]
    try:
        return [_keeping(loading, cache, is_silent=is_silent) for loading in given]
    except (OSError, ResourceError) as error:
        if not is_silent:
            note(error.what if isinstance(error, ResourceError) else f"{error.filename}: {error.strerror or error}")
        return given


def _keeping(loading: PairLoader, cache: str, *, is_silent: bool) -> PairLoader:
    dataset = loading.source.dataset
    if cache == "off" or not loading.size or getattr(dataset, "collate", None) or not len(dataset):
        return loading
    if cache == "auto" and not dataset.files(0):
        return loading
    try:
        first = loading.sample(0)
    except ImtransError:  # told where it is read
        return loading
    # It is not kept itself: its file may have changed until its stamp is taken.
    layout, path = CacheLayout.like(first, len(dataset)), _place(loading)
    if not path.exists() and cache == "auto" and not _fits(layout.bytes, path.parent):
        return loading
    code = _code(loading)
    numbers, stamps = _stamps(loading, code)
    _make_sure(path, layout, stamps)
    decoded = CacheStore(path=path, layout=layout, code=code, stamps=stamps, numbers=numbers, is_silent=is_silent)
    return replace(loading, cache=decoded)


def _place(loading: PairLoader) -> Path:
    """One file for all that decides what a sample looks like, besides its own files and the code that reads them."""
    source, dataset = loading.source, loading.source.dataset
    files = dataset.files(0)
    told = (
        *(source.component.name, source.component.target, source.options, source.split, source.skip_invalid),
        *(sorted((n, c.target) for n, c in source.inner.items()), dataset.data_spec),
        *(tuple(loading.size), loading.interpolation, loading.is_reversed),
        os.path.dirname(os.path.abspath(files[0])) if files else "",
    )
    return cache_dir() / FOLDER / f"{hashlib.sha256(repr(told).encode()).hexdigest()[:32]}{KIND}"


def _fits(size: int, folder: Path) -> bool:
    return size <= min(MOST_BYTES, shutil.disk_usage(folder.parent).free // SHARE)


def _code(loading: PairLoader) -> bytes:
    """What tells the code that makes samples from another: versions, and the sources of the data sets' packages."""
    source = loading.source
    targets = {c.target.partition(":")[0] for c in (source.component, *source.inner.values())}
    tops = {target.partition(".")[0] for target in targets} | {"imtrans.kit", "imtrans.engine.data.loader"}
    told = [imtrans.__version__, *(str(importlib.import_module(n).__version__) for n in LIBRARIES)]
    files = sorted({file for top in tops for file in _sources(top)})
    told += [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return hashlib.blake2b("\0".join(told).encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _sources(module: str) -> list[Path]:
    """The files of a module that is loaded, or of its whole package."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file:
        return []
    path = Path(file)
    return [*path.parent.rglob("*.py")] if path.name == "__init__.py" else [path]


def _stamps(loading: PairLoader, code: bytes) -> tuple[Array, Array]:
    """The how-manieth of its files each sample is, and its stamp."""
    dataset, seen = loading.source.dataset, Counter[int]()
    count = len(dataset)
    numbers, stamps = np.zeros(count, np.uint32), np.zeros(count, np.uint64)
    for index in range(count):
        files = dataset.files(index)
        plain = hash(tuple(files))
        numbers[index], seen[plain] = seen[plain], seen[plain] + 1
        stamps[index] = stamp(files, code, number=int(numbers[index]))
    return numbers, stamps


def _make_sure(path: Path, layout: CacheLayout, stamps: Array) -> None:
    """Have a file at `path` whose slots are empty, or samples of now. OSError where it cannot be made.

    Others may be reading a file with slots of before: it is left to them, and another takes its name.
    """
    path.parent.mkdir(exist_ok=True)
    with file_lock(path.with_suffix(".lock")) as sign:
        found = CacheLayout.told(path)
        slots = CacheFile.opened(path, found) if found and found.sides == layout.sides else None
        if slots and found == layout and not _is_stale(slots, stamps):
            _used(path)
            return
        if slots is None:
            _sweep_unused(path.parent)
        sweep(path.parent, path.name)
        part = path.with_name(process_name(path.name, "part"))
        try:
            made = CacheFile.make(part, layout)
            if slots:
                _copy(slots, made, stamps, sign=sign)
            made.sync()
            os.replace(part, path)
            sync_folder(path.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _is_stale(slots: CacheFile, stamps: Array) -> bool:
    found = slots.stamps
    return bool(((found != 0) & (found != stamps)).any())


def _copy(old: CacheFile, new: CacheFile, stamps: Array, *, sign: Callable[[], None]) -> None:
    """What of the old file is still so, wherever it stands in the new one."""
    places = {int(s): i for i, s in enumerate(old.stamps) if s}
    for index, wanted in enumerate(stamps):
        place = places.get(int(wanted))
        if place is not None and old.is_right(place):
            arrays = [block[place] for block in old.blocks.values()]
            new.write(index, arrays, key=old.key(place), stamp=int(wanted))
            sign()


def _used(path: Path) -> None:
    with contextlib.suppress(OSError):
        os.utime(path)


def _sweep_unused(folder: Path) -> None:
    for path in folder.glob(f"*{KIND}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > UNUSED:
                path.unlink()
