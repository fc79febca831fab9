"""A data set's pairs written to disk as pictures side by side."""

from pathlib import Path

import numpy as np

from imtrans.config.schema import RunConfig
from imtrans.engine.data import run_summary
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.data.source import dataset_source
from imtrans.errors import ConfigError, ResourceError
from imtrans.interfaces import ImageSpec, Pair, Split, Tick
from imtrans.kit.images import Array, encode

SPLITS: tuple[Split, ...] = ("train", "val")


def write_pairs(
    config: RunConfig, output: Path, *, size: tuple[int, ...] = (), tick: Tick | None = None
) -> dict[str, int]:
    """Write each pair of training and validation to OUTPUT/{train,val}/KEY.png, source left, target right.

    Pictures are first resized to `size`; empty keeps theirs. Returns the count of each split. Raises ConfigError for
    data that is not pictures, or where OUTPUT exists.
    """
    loadings = {split: _loading(config, split, size) for split in SPLITS}
    _check_pictures(config, loadings["train"])
    if output.exists():
        raise ConfigError(f"{output} exists", hint="Give another folder: made pairs never mix with others.")
    counts = {split: len(loading.source.dataset) for split, loading in loadings.items()}
    done = 0
    for split, loading in loadings.items():
        _make_folder(output / split)
        for index in range(counts[split]):
            pair = loading.pair(SampleIndex(0, index))[0]
            encode(output / split / f"{index:06}-{_safe_name(pair.key)}.png", _side_by_side(pair))
            done += 1
            if tick:
                tick(done, sum(counts.values()))
    return {str(split): count for split, count in counts.items()}


def _loading(config: RunConfig, split: Split, size: tuple[int, ...]) -> PairLoader:
    source = dataset_source(config, split, size)
    return PairLoader(source=source, size=size, is_reversed=config.direction == "BtoA", seed=config.train.seed)


def _check_pictures(config: RunConfig, loading: PairLoader) -> None:
    # PNG holds no more than 16 bits a channel.
    def is_picture(spec: ImageSpec) -> bool:
        return spec.kind == "image" and spec.bits <= 16

    if not (is_picture(loading.data_spec.source) and is_picture(loading.data_spec.target)):
        name = run_summary.dataset_name(config)
        raise ConfigError(f"data set {name!r} is not pictures on both sides", hint="Train on it without writing it.")


def _side_by_side(pair: Pair) -> Array:
    channels = max(pair.source.shape[-1], pair.target.shape[-1])
    sides = [np.repeat(a, channels, axis=-1) if a.shape[-1] == 1 else a for a in (pair.source, pair.target)]
    joined: Array = np.concatenate(sides, axis=1)
    return joined


def _safe_name(key: str) -> str:
    # Most file systems refuse names above 255 bytes, and a character commonly takes up to three.
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in key)[-80:]


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise ResourceError(f"{path}: {error.strerror}", hint="Give a folder that can be written.") from None
