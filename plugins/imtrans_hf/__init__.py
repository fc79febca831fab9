"""Data set `hf`: pairs of columns of a Hugging Face data set, from the Hub or from this machine."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, DatasetInfo, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class HfOptions:
    """Which data set, and which of its columns."""

    path: str = option(
        "",
        "name on the Hub, a folder of parquet files, or what save_to_disk wrote: --dataset hf:NAME?source=X&target=Y",
        is_path=True,
    )
    source: str = option("source", "column of the sources")
    target: str = option("target", "column of the targets")
    key: str = option("", "column of the samples' names; without: their numbers")
    subset: str = option("", "configuration of the data set, where it has several")
    revision: str = option("", "commit, branch or tag on the Hub; without: the newest, which is recorded")
    labels: Literal["none", "source", "target", "both"] = option("none", "which side is label maps")
    classes: int | None = option(None, "number of classes of the label maps", low=2, high=4096)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Declare what this plugin offers."""
    yield Component(
        kind="dataset",
        name="hf",
        target="imtrans_hf.dataset:hf",
        summary="two columns of a Hugging Face data set: --dataset hf:NAME?source=COLUMN&target=COLUMN",
        options=HfOptions,
        info=DatasetInfo(path_options=("path",), schemes=("hf",)),
        needs_context=True,
    )
