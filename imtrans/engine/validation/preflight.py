"""What a run does about bad pictures before its first step: refuse them, or go without them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imtrans.config.schema import RunConfig
from imtrans.engine.checkpoints.resume import ResumePoint
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.data.skipped_samples import SKIPPED, SkipLog, remembered
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.validation.check_cache import CheckCache
from imtrans.engine.validation.sample_report import check_sample
from imtrans.engine.validation.validate import check_dataset
from imtrans.errors import DataError
from imtrans.interfaces import Issue, Split
from imtrans.kit.formats import is_picture
from imtrans.kit.images.image_checks import header

PATIENCE = 2.0  # seconds for a look at the headers; a thousand pictures take a fifth of one
Before = list[tuple[int | None, Issue]]


def screen(
    config: RunConfig, loadings: Sequence[PairLoader], *, folder: Path, start: ResumePoint | None, world: ProcessGroup
) -> list[PairLoader]:
    """The splits as a run is to see them; one that goes on is without what it was without from its beginning.

    Without data.skip_invalid DataError for bad pictures, as far as they can be told from the headers of the files and
    from an earlier check. With it every picture is decoded, once, and the bad ones are left out.
    """
    splits: dict[Split, PairLoader] = {}
    for each in loadings:
        splits.setdefault(each.source.split, each)
    if not config.data.skip_invalid:
        _refuse(config, splits)
        return [*loadings]
    path = folder / SKIPPED
    if start and not start.accepts_data and path.exists():
        left_out = {split: remembered(path, split) for split in splits}
    else:
        left_out = world.on_first(lambda: _left_out(splits))
    return [_without(config, each, left_out[each.source.split], path) for each in loadings]


def _left_out(splits: Mapping[Split, PairLoader]) -> dict[Split, Before]:
    found = check_dataset(splits)
    return {split: found.left_out(split) for split in splits}


def _without(config: RunConfig, loading: PairLoader, before: Before, path: Path) -> PairLoader:
    source, gone = loading.source, frozenset(i for i, _ in before if i is not None)
    if len(gone) >= len(source.dataset):
        raise DataError(
            f"none of the {len(gone):,} {source.split} samples can be used; the first: {before[0][1].what}",
            hint=f"See each with its mend: {command(config)}",
        )
    kept = replace(source, left_out=gone, built=None) if gone else source
    return replace(loading, source=kept, skip_log=SkipLog(path=path, split=source.split, before=tuple(before)))


def _refuse(config: RunConfig, splits: Mapping[Split, PairLoader]) -> None:
    until = time.monotonic() + PATIENCE
    for split, loading in splits.items():
        faults = [*_seen(loading, until)]
        if faults:
            named = [f.what for f in faults[:3]]
            own = faults[0].hint if len({f.hint for f in faults}) == 1 else ""
            more = f"; and {len(faults) - 3:,} more" if len(faults) > 3 else ""
            raise DataError(
                f"{len(faults):,} of {len(loading.source.dataset):,} {split} samples cannot be used: "
                f"{'; '.join(named)}{more}",
                hint=f"{own} " * bool(own)
                + f"See each with its mend: {command(config)}\nOr train without them: --skip-invalid",
            )


def _seen(loading: PairLoader, until: float) -> Iterator[Issue]:
    """The faults of samples that are known, or whose files look bad and are, as long as there is time."""
    memory, dataset, seen = CheckCache.kept(loading), loading.source.dataset, set[tuple[Path, ...]]()
    for index in range(len(dataset)):
        if time.monotonic() > until:
            return
        known, files = memory.get(index) if memory else None, tuple(dataset.files(index))
        if known is None and files not in seen and _is_suspect(files):
            known = check_sample(loading, index)
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
    dataset = config.dataset
    path_options = dataset.component.info.path_options
    path = getattr(dataset.options, path_options[0]) if path_options else ""
    root = getattr(dataset.options, "root", None)
    return f"imtrans data check {path or dataset.name}{f' --data-root {root}' if root else ''}"
