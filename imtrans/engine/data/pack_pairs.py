"""A data set's pairs packed into shards."""

from collections.abc import Iterator
from dataclasses import dataclass

from imtrans.config.schema import RunConfig
from imtrans.engine.data import run_summary
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.data.source import dataset_source
from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import Dataset, Split, Tick
from imtrans.kit.shards import MARK, SetRecord, ShardWriter
from imtrans.kit.stores import Store

SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Packed:
    """How many samples of each split were packed, into how many shards of how many bytes in all."""

    counts: dict[str, int]
    shards: int
    bytes: int


def pack_pairs(config: RunConfig, store: Store, *, shard_bytes: int, tick: Tick | None = None) -> Packed:
    """Pack all splits, as they are divided and in their order, sides as they are trained on.

    A split that has the samples of the one before it is left out: readers take that one. Raises ConfigError for data
    that are no pairs, and where shards are there already.
    """
    if not config.dataset.component.info.is_paired:
        raise ConfigError(
            f"data set {config.dataset.name!r} is not pairs", hint="Shards hold pairs; train on its folders."
        )
    loadings = [*_distinct({split: _loading(config, split) for split in SPLITS})]
    _check_free(store)
    _, first = loadings[0]
    description = first.source.dataset.description
    record = SetRecord(
        data_spec=first.data_spec,
        origin=run_summary.dataset_name(config),
        sides=(description.reversed() if first.is_reversed else description).sides,
    )
    total, done = sum(len(loading.source.dataset) for _, loading in loadings), 0
    with ShardWriter(store, record, shard_bytes=shard_bytes) as writer:
        for split, loading in loadings:
            _check_spec(config, first, loading)
            for index in range(len(loading.source.dataset)):
                _add(writer, split, loading, index)
                done += 1
                if tick:
                    tick(done, total)
        shards = writer.close().shards
    counts = {split: sum(each.values()) for split, each in shards.items()}
    return Packed(counts=counts, shards=sum(map(len, shards.values())), bytes=writer.bytes)


def _add(writer: ShardWriter, split: Split, loading: PairLoader, index: int) -> None:
    dataset = loading.source.dataset
    pair, files = dataset[index], [*dataset.files(index)]
    if loading.is_reversed:
        pair, files = pair.reversed(), files[::-1]
    writer.add(split, pair, group=dataset.description.group_of(pair.key), files=files)


def _loading(config: RunConfig, split: Split) -> PairLoader:
    return PairLoader(source=dataset_source(config, split, ()), is_reversed=config.direction == "BtoA")


def _distinct(loadings: dict[Split, PairLoader]) -> Iterator[tuple[Split, PairLoader]]:
    """The splits without one that has the samples of the split before it."""
    before: list[object] = []
    for split, loading in loadings.items():
        samples: list[object] = [*_identities(loading.source.dataset)]
        if samples and samples != before:
            yield split, loading
        before = samples


def _identities(dataset: Dataset) -> Iterator[object]:
    for index in range(len(dataset)):
        yield dataset.key(index), tuple(dataset.files(index)), dataset.stamp(index)


def _check_spec(config: RunConfig, first: PairLoader, loading: PairLoader) -> None:
    if not first.data_spec.has_sides_of(loading.data_spec):
        raise ConfigError(
            f"data set {config.dataset.name!r}: its splits are not read alike", hint="Pack them one by one."
        )


def _check_free(store: Store) -> None:
    """ConfigError where the store holds shards, also those of a packing that did not end."""
    try:
        names = store.sizes() or {}
    except DataError:  # a folder that is made by the first write
        return
    if MARK in names:
        raise ConfigError(
            f"{store.address} holds shards", hint="Give another place: packed sets never mix with others."
        )
    if any(name.endswith((".tar", ".idx")) for name in names):
        hint = "Delete them, if they are of a packing that did not end; or give another place."
        raise ConfigError(f"{store.address} holds tar files", hint=hint)
