"""What a run does about bad pictures before its first step: refuse them, or go without them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imtrans.config import RunConfig
from imtrans.engine.data import Loading
from imtrans.engine.exam import examine
from imtrans.engine.ranks import World
from imtrans.engine.remembering import Memory
from imtrans.engine.resuming import Start
from imtrans.engine.skipping import SKIPPED, Skipping, remembered
from imtrans.engine.surveying import survey
from imtrans.errors import DataError
from imtrans.interfaces import Finding, Split
from imtrans.kit.diagnosis import header
from imtrans.kit.formats import is_picture

PATIENCE = 2.0  # seconds for a look at the headers; a thousand pictures take a fifth of one
Before = list[tuple[int | None, Finding]]


def sound(
    config: RunConfig, loadings: Sequence[Loading], *, folder: Path, start: Start | None, world: World
) -> list[Loading]:
    """The splits as a run is to see them; one that goes on is without what it was without from its beginning.

    Without data.skip_bad DataError for bad pictures, as far as they can be told from the headers of the files and
    from an earlier check. With it every picture is decoded, once, and the bad ones are left out.
    """
    splits: dict[Split, Loading] = {}
    for each in loadings:
        splits.setdefault(each.source.split, each)
    if not config.data.skip_bad:
        _refuse(config, splits)
        return [*loadings]
    path = folder / SKIPPED
    if start and not start.accepts_data and path.exists():
        left_out = {split: remembered(path, split) for split in splits}
    else:
        left_out = world.first(lambda: _left_out(splits))
    return [_without(config, each, left_out[each.source.split], path) for each in loadings]


def _left_out(splits: Mapping[Split, Loading]) -> dict[Split, Before]:
    found = survey(splits)
    return {split: found.left_out(split) for split in splits}


def _without(config: RunConfig, loading: Loading, before: Before, path: Path) -> Loading:
    source, gone = loading.source, frozenset(i for i, _ in before if i is not None)
    if len(gone) >= len(source.dataset):
        raise DataError(
            f"none of the {len(gone):,} {source.split} samples can be used; the first: {before[0][1].what}",
            mend=f"See each with its mend: {command(config)}",
        )
    kept = replace(source, left_out=gone, built=None) if gone else source
    return replace(loading, source=kept, skipping=Skipping(path=path, split=source.split, before=tuple(before)))


def _refuse(config: RunConfig, splits: Mapping[Split, Loading]) -> None:
    until = time.monotonic() + PATIENCE
    for split, loading in splits.items():
        faults = [*_seen(loading, until)]
        if faults:
            named = [f.what for f in faults[:3]]
            own = faults[0].mend if len({f.mend for f in faults}) == 1 else ""
            more = f"; and {len(faults) - 3:,} more" if len(faults) > 3 else ""
            raise DataError(
                f"{len(faults):,} of {len(loading.source.dataset):,} {split} samples cannot be used: "
                f"{'; '.join(named)}{more}",
                mend=f"{own} " * bool(own)
                + f"See each with its mend: {command(config)}\nOr train without them: --skip-bad-images",
            )


def _seen(loading: Loading, until: float) -> Iterator[Finding]:
    """The faults of samples that are known, or whose files look bad and are, as long as there is time."""
    memory, dataset, seen = Memory.kept(loading), loading.source.dataset, set[tuple[Path, ...]]()
    for index in range(len(dataset)):
        if time.monotonic() > until:
            return
        known, files = memory.get(index) if memory else None, tuple(dataset.files(index))
        if known is None and files not in seen and _is_suspect(files):
            known = examine(loading, index)
        seen.add(files)
        yield from known.faults[:1] if known else ()


def _is_suspect(files: tuple[Path, ...]) -> bool:
    """Whether files look as if they were missing, no pictures, cut off or of two sizes; a look at all pixels tells."""
    try:
        told = [header(file) for file in files if is_picture(file.name)]
        return (
            any(not h.has_end for h in told)
            or len({(h.width, h.height) for h in told}) > 1
            or not all(file.is_file() and file.stat().st_size for file in files)
        )
    except (DataError, OSError):
        return True


def command(config: RunConfig) -> str:
    """How the data set of a run is checked."""
    chosen = config.dataset
    place = getattr(chosen.options, "path", "") if chosen.name == "folder" else ""
    root = getattr(chosen.options, "root", None)
    return f"imtrans data check {place or chosen.name}{f' --data-root {root}' if root else ''}"
