"""Data set `shards`: pairs packed into tar files, in a folder or under an address."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, DatasetInfo, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class ShardOptions:
    """Where the shards are, and how those of another machine are read."""

    path: str = option(
        "", "folder or address of the shards: --dataset DIR, --dataset s3://BUCKET/SET, gs://, https://", is_path=True
    )
    cache: float = option(
        10.0,
        "of an address: what is kept of the packed samples on this machine, at most so much in all; 0: nothing",
        unit="GB",
        low=0,
    )
    tries: int = option(6, "how often a store that does not answer is asked, with longer and longer waits", low=1)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Declare what this plugin offers."""
    yield Component(
        kind="dataset",
        name="shards",
        target="imtrans_shards.dataset:shards",
        summary="pairs packed by `imtrans data pack`, in a folder or in an object store: --dataset s3://BUCKET/SET",
        options=ShardOptions,
        info=DatasetInfo(
            path_options=("path",),
            marker="shards.json",
            schemes=("s3", "s3a", "gs", "gcs", "az", "abfs", "http", "https"),
        ),
        needs_context=True,
    )
