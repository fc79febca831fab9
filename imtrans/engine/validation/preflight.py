"""Before the first step of a run: refuse bad pictures, or leave them out."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

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
from imtrans.kit.images import ImageHeader, header
from imtrans.kit.images.header_cache import headers
from imtrans.plugins.options import default_record, values

PATIENCE = 2.0  # seconds for reading headers; a thousand new pictures take 0.2
Files = tuple[str, ...]
Heads = Mapping[str, ImageHeader | None]
LeftOut = list[tuple[int | None, Issue]]


def screen(
    config: RunConfig, loadings: Sequence[PairLoader], *, folder: Path, start: ResumePoint | None, world: ProcessGroup
) -> list[PairLoader]:
    """The splits that a run sees: with data.skip_invalid without bad samples, else all of them.

    Raises DataError for a data set that doubts its pairs, and for bad pictures without data.skip_invalid, as far as the
    headers of the files and an earlier check show them. With it every picture is decoded, once; a resumed run leaves
    out the same samples as before.
    """
    splits: dict[Split, PairLoader] = {}
    for each in loadings:
        splits.setdefault(each.source.split, each)
    if not start:  # what was trained on already is not doubted again
        refuse_doubtful(splits["train"])
    if not config.data.skip_invalid:
        _refuse_bad(config, splits)
        return [*loadings]
    path = folder / SKIPPED
    if start and not start.accepts_data and path.exists():
        left_out = {split: remembered(path, split) for split in splits}
    else:
        left_out = world.on_first(lambda: _left_out(splits))
    return [_without(config, each, left_out[each.source.split], path) for each in loadings]


def refuse_doubtful(loading: PairLoader) -> None:
    """DataError where the data set itself doubts that its samples are pairs."""
    doubt = next((issue for issue in loading.source.dataset.description.doubts() if issue.is_fault), None)
    if doubt:
        raise DataError(doubt.what, hint=doubt.hint)


def _left_out(splits: Mapping[Split, PairLoader]) -> dict[Split, LeftOut]:
    report = check_dataset(splits)
    return {split: report.left_out(split) for split in splits}


def _without(config: RunConfig, loading: PairLoader, left_out: LeftOut, path: Path) -> PairLoader:
    source, indices = loading.source, frozenset(i for i, _ in left_out if i is not None)
    if len(indices) >= len(source.dataset):
        raise DataError(
            f"none of the {len(indices):,} {source.split} samples can be used; the first: {left_out[0][1].what}",
            hint=f"List all faults and how to fix them: {command(config)}",
        )
    usable = replace(source, left_out=indices, built=None) if indices else source
    return replace(loading, source=usable, skip_log=SkipLog(path=path, split=source.split, before=tuple(left_out)))


def _refuse_bad(config: RunConfig, splits: Mapping[Split, PairLoader]) -> None:
    files = {split: [tuple(map(str, paths)) for paths in loading.files] for split, loading in splits.items()}
    heads = _headers([*chain(*files.values())], time.monotonic() + PATIENCE / 2)
    until = time.monotonic() + PATIENCE / 2
    for split, loading in splits.items():
        faults = [*_known_faults(loading, files[split], heads, until=until)]
        if faults:
            named = [f.what for f in faults[:3]]
            # One hint for all says what to do at once; several are for `data check` to list.
            hint = f"{faults[0].hint} " if len({f.hint for f in faults}) == 1 and faults[0].hint else ""
            more = f"; and {len(faults) - 3:,} more" if len(faults) > 3 else ""
            raise DataError(
                f"{len(faults):,} of {len(loading.source.dataset):,} {split} samples cannot be used: "
                f"{'; '.join(named)}{more}",
                hint=f"{hint}List all faults and how to fix them: {command(config)}\n"
                "Or train without them: --skip-invalid",
            )


def _headers(samples: Sequence[Files], until: float) -> Heads:
    """The headers of the files of all splits, as far as the cache holds them or the time allows to read them."""
    heads: dict[str, ImageHeader | None] = {}
    for place in (0, -1):  # side by side, as a data set asks for them: one cache serves both
        paths = [files[place] for files in samples if files and is_picture(os.path.basename(files[place]))]
        new = [path for path in paths if path not in heads]
        heads |= dict(zip(new, headers(new, until=until), strict=True))
    return heads


def _known_faults(loading: PairLoader, samples: Sequence[Files], heads: Heads, *, until: float) -> Iterator[Issue]:
    """The faults of samples in the cache of checks, and of those whose files look bad and are, until the time is up."""
    cache, screened = CheckCache.existing(loading), set[Files]()
    for index, files in enumerate(samples):
        if time.monotonic() > until:
            return
        report = cache.get(index) if cache else None
        # Many samples can come from one file, whose header says the same of all.
        if report is None and files not in screened:
            if _is_suspect(files, heads):
                report = check_sample(loading, index)
            screened.add(files)
        yield from report.faults[:1] if report else ()


def _is_suspect(files: Files, known: Heads) -> bool:
    """Whether files look missing, truncated, of two sizes, or not like pictures; only decoding them can prove it."""
    try:
        heads = [known.get(f) or header(Path(f)) for f in files if is_picture(os.path.basename(f))]
        return (
            any(not h.has_end for h in heads)
            or len({(h.width, h.height) for h in heads}) > 1
            or not all(known.get(f) or (os.path.isfile(f) and os.stat(f).st_size) for f in files)
        )
    except (DataError, OSError):
        return True


def command(config: RunConfig) -> str:
    """The command that checks the data set of a run."""
    dataset = config.dataset
    path_options = dataset.component.info.path_options
    path = getattr(dataset.options, path_options[0]) if path_options else ""
    schemes = dataset.component.info.schemes
    if path and schemes and "://" not in path and not dataset.component.info.marker:
        return f"imtrans data check '{schemes[0]}:{path}?{_query(dataset.options, path_options[0])}'"
    root = getattr(dataset.options, "root", None)
    return f"imtrans data check {path or dataset.name}{f' --data-root {root}' if root else ''}"


def _query(options: Any, path_option: str) -> str:
    """The options of a data set that is chosen by an address, as the address says them."""
    defaults = {**values(default_record(type(options))), path_option: getattr(options, path_option)}
    return urlencode({name: value for name, value in values(options).items() if value != defaults[name]})
