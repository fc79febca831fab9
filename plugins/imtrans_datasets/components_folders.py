"""Declarations of the data sets `folder` and `unpaired`: your own pictures."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, DatasetInfo, option


@dataclass(frozen=True, kw_only=True)
class FolderOptions:
    """Where the pairs are, and how their files are read."""

    path: str = option("", "folder of pairs, or a .csv or .jsonl file that lists them: --dataset PATH", is_path=True)
    source: str = option(
        "",
        "folder of the sources, wherever it is; with target, instead of path; or a pattern below path: *_phase*",
        is_path=True,
    )
    target: str = option("", "folder of the targets, of the same names; or a pattern: *_fluor*", is_path=True)
    layout: Literal["auto", "halves", "stacked", "pages"] = option(
        "auto",
        "halves, stacked, pages: each file is a pair, as two halves side by side or one above the other, or two "
        "pages; auto: found by names and folders, and halves where the pictures show that they fit",
    )
    resize_pairs: bool = option(False, "where the two of a pair differ in size, resize the target to the source")
    pages: Literal["first", "channels", "slices"] = option(
        "first",
        "what is read of a file of several pages: the first; all as channels, one after the other; or each as a slice "
        "of depth, a picture of its own, paired with the same page of the other side",
    )
    labels: Literal["none", "source", "target", "both"] = option(
        "none", "which side is label maps: palette indices, or grey values, as classes"
    )
    classes: int | None = option(None, "number of classes of the label maps", low=2, high=4096)
    values: tuple[int, ...] = option((), "stored value of each class, where these are not 0, 1, 2 and so on: [0, 255]")
    void: int | None = option(None, "stored value of pixels of no class, which losses and metrics leave out", low=0)
    instances: str = option(
        "",
        "folder of instance maps, of the names of the label maps: a further channel has the edges of things",
        is_path=True,
    )
    masks: str = option(
        "", "folder of masks, of the names of the sources: losses and metrics leave out where they are 0", is_path=True
    )
    alpha: Literal["background", "mask"] = option(
        "background",
        "places where either picture is not opaque: seen on the background, or also left out by losses and metrics",
    )
    background: tuple[int, ...] = option(
        (255, 255, 255), "colour that transparent pictures are laid on; [] takes their hidden colours"
    )
    source_range: tuple[float, ...] = option((), "low and high: stored values of the source that become -1 and 1")
    percentiles: tuple[float, ...] = option(
        (), "low and high, as in [0.1, 99.9]: the ranges of pictures are those of all files; values beyond are clipped"
    )
    target_range: tuple[float, ...] = option((), "the same of the target; without: 0 to 1 for float, else all bits")


@dataclass(frozen=True, kw_only=True)
class UnpairedOptions:
    """Where the two folders are, and how their files are read."""

    path: str = option("", "folder that holds both: A and B, or trainA, trainB, testA, testB", is_path=True)
    source: str = option("", "folder of the sources, wherever it is; with target, instead of path", is_path=True)
    target: str = option("", "folder of the targets, of any names and number", is_path=True)
    background: tuple[int, ...] = option(
        (255, 255, 255), "colour that transparent pictures are laid on; [] takes their hidden colours"
    )
    source_range: tuple[float, ...] = option((), "low and high: stored values of the source that become -1 and 1")
    target_range: tuple[float, ...] = option((), "the same of the target; without: 0 to 1 for float, else all bits")


def folder_components() -> Iterable[Component]:
    """The declarations of data sets from files."""
    yield Component(
        kind="dataset",
        name="folder",
        target="imtrans_datasets.folder:folder",
        summary="your own pairs: --dataset PATH",
        options=FolderOptions,
        info=DatasetInfo(path_options=("path", "target")),
        needs_context=True,
    )
    yield Component(
        kind="dataset",
        name="unpaired",
        target="imtrans_datasets.unpaired:unpaired",
        summary="your own pictures of two kinds, no pairs: imtrans run cyclegan --dataset PATH",
        options=UnpairedOptions,
        info=DatasetInfo(is_paired=False, path_options=("path", "target")),
        needs_context=True,
    )
