"""Declarations of the data sets that have names: what each is, where it comes from and on which terms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from imtrans import Archive, Component, DatasetInfo, option


@dataclass(frozen=True, kw_only=True)
class NamedOptions:
    """Where a named data set lies."""

    root: str | None = option(None, "folder that holds the set in a folder of its name; else the cache", is_path=True)


@dataclass(frozen=True, kw_only=True)
class CifarOptions(NamedOptions):
    """Where CIFAR-10 lies, and how many of its photos are used."""

    pictures: int = option(50_000, "how many of the training photos are taken, the first ones", low=2, high=50_000)
    held: int = option(0, "the last of these serve for validation; 0: the 10,000 test photos do", low=0, high=49_999)


# The paper's own settings (appendix 6.2).
PAPER: Mapping[str, Any] = {
    "data.size": (256,),
    "data.batch_size": 1,
    "train.epochs": 200,
    "augment.kornia-jitter.scale": 286 / 256,
    "augment.kornia-flip.probability": 0.5,
}
NO_AUGMENTATION: Mapping[str, Any] = {"augment.kornia-jitter.scale": 1.0, "augment.kornia-flip.probability": 0.0}
EDGES: Mapping[str, Any] = {**PAPER, "data.batch_size": 4, "train.epochs": 15, **NO_AUGMENTATION}
NIGHT: Mapping[str, Any] = {**PAPER, "data.batch_size": 4, "train.epochs": 17}
# Those of the projects that train on them (pencil drawings to CIFAR-10, grey COCO photos, anime sketches); except for
# the size of the COCO photos, which the project resizes to 512.
CIFAR: Mapping[str, Any] = {
    "data.size": (128,),
    "data.batch_size": 128,
    "train.epochs": 200,
    "generator.depth": 7,
    **NO_AUGMENTATION,
}
COCO: Mapping[str, Any] = {
    "data.size": (256,),
    "data.batch_size": 4,
    "train.epochs": 25,
    "augment.kornia-jitter.scale": 1.0,
}
ANIME: Mapping[str, Any] = {"data.size": (256,), "data.batch_size": 8, "train.epochs": 50, **NO_AUGMENTATION}

BERKELEY = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"  # the server offers no https


def _berkeley(name: str, counts: Mapping[str, int], *, size: int = 0, approx_bytes: int = 0) -> Archive:
    """A tarball of the paper's authors, as they pack it."""
    return Archive(url=f"{BERKELEY}/{name}.tar.gz", counts=counts, size=size, approx_bytes=approx_bytes)


PAIRS: Sequence[tuple[str, str, DatasetInfo]] = (
    (
        "facades",
        "house fronts and what is window, door or wall in them",
        DatasetInfo(
            direction="BtoA",
            sides=("photo", "labels"),
            pixels=(256, 256),
            advice=PAPER,
            terms="CMP Facade Database, for research",
            archive=_berkeley("facades", {"train": 400, "val": 100, "test": 106}, size=30_168_306),
        ),
    ),
    (
        "cityscapes",
        "German streets and what is road, car or person in them",
        DatasetInfo(
            direction="BtoA",
            sides=("photo", "labels"),
            pixels=(256, 256),
            advice=PAPER,
            terms="Cityscapes: free for non-commercial research, no redistribution",
            archive=replace(
                _berkeley("cityscapes", {"train": 2975, "val": 500}, size=103_441_232),
                site="https://www.cityscapes-dataset.com/downloads/",
                originals=("leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip"),
                prepare="imtrans_datasets.cityscapes:prepare",
            ),
        ),
    ),
    (
        "maps",
        "New York from the air and as a map",
        DatasetInfo(
            sides=("aerial photo", "map"),
            pixels=(600, 600),
            advice=PAPER,
            terms="Google Maps imagery, for research",
            archive=_berkeley("maps", {"train": 1096, "val": 1098}, size=250_242_400),
        ),
    ),
    (
        "edges2shoes",
        "shoes and their edges",
        DatasetInfo(
            sides=("edges", "photo"),
            pixels=(256, 256),
            advice=EDGES,
            terms="UT Zappos50K: for academic, non-commercial use",
            archive=_berkeley("edges2shoes", {"train": 49_825, "val": 200}, approx_bytes=2_100_000_000),
        ),
    ),
    (
        "edges2handbags",
        "handbags and their edges",
        DatasetInfo(
            sides=("edges", "photo"),
            pixels=(256, 256),
            advice=EDGES,
            terms="product photos from Amazon, collected for iGAN; for research",
            archive=_berkeley("edges2handbags", {"train": 138_567, "val": 200}, approx_bytes=8_600_000_000),
        ),
    ),
    (
        "night2day",
        "webcam views by night and by day",
        DatasetInfo(
            sides=("night", "day"),
            pixels=(256, 256),
            advice=NIGHT,
            terms="Transient Attributes Database, for research",
            archive=_berkeley("night2day", {"train": 17_823, "test": 2287}, approx_bytes=2_000_000_000),
        ),
    ),
    (
        "anime",
        "anime drawings in colour and their sketches",
        DatasetInfo(
            direction="BtoA",
            sides=("colour", "sketch"),
            pixels=(512, 512),
            advice=ANIME,
            terms="Kaggle, as its page says; the drawings are their artists'",
            archive=Archive(
                site="https://www.kaggle.com/datasets/ktaebum/anime-sketch-colorization-pair",
                counts={"train": 14_224, "val": 3545},
            ),
        ),
    ),
)

CYCLEGAN = "http://efrosgans.eecs.berkeley.edu/cyclegan/datasets"  # the server offers no https
# The paper's own settings (appendix 7.2); the schedule is that of the recipe.
UNPAIRED_PAPER: Mapping[str, Any] = {**PAPER, "train.epochs": 200}


def _cyclegan(
    archive: str, counts: tuple[int, int, int, int], *, sides: tuple[str, str], terms: str, approx_bytes: int
) -> DatasetInfo:
    """A zip of CycleGAN's authors: pictures of trainA, trainB, testA and testB."""
    by_place = dict(zip(("trainA", "trainB", "testA", "testB"), counts, strict=True))
    return DatasetInfo(
        is_paired=False,
        sides=sides,
        pixels=(256, 256),
        advice=UNPAIRED_PAPER,
        terms=terms,
        archive=Archive(url=f"{CYCLEGAN}/{archive}.zip", counts=by_place, approx_bytes=approx_bytes),
    )


UNPAIRED: Sequence[tuple[str, str, DatasetInfo]] = (
    (
        "horse2zebra",
        "horses and zebras",
        _cyclegan(
            "horse2zebra",
            (1067, 1334, 120, 140),
            sides=("horses", "zebras"),
            terms="ImageNet: for non-commercial research",
            approx_bytes=117_000_000,
        ),
    ),
    (
        "monet2photo",
        "paintings by Monet and photos of landscapes",
        _cyclegan(
            "monet2photo",
            (1072, 6287, 121, 751),
            sides=("paintings", "photos"),
            terms="paintings from WikiArt, photos from Flickr, each under its own terms; for research",
            approx_bytes=305_000_000,
        ),
    ),
    (
        "summer2winter",
        "Yosemite in summer and in winter",
        _cyclegan(
            "summer2winter_yosemite",
            (1231, 962, 309, 238),
            sides=("summer", "winter"),
            terms="photos from Flickr, each under its own licence; for research",
            approx_bytes=133_000_000,
        ),
    ),
    (
        "apple2orange",
        "apples and oranges",
        _cyclegan(
            "apple2orange",
            (995, 1019, 266, 248),
            sides=("apples", "oranges"),
            terms="ImageNet: for non-commercial research",
            approx_bytes=79_000_000,
        ),
    ),
    (
        "cityscapes-unpaired",
        "German streets, and label maps of other streets",
        DatasetInfo(
            is_paired=False,
            direction="BtoA",
            sides=("photo", "labels"),
            pixels=(256, 256),
            advice=UNPAIRED_PAPER,
            terms="Cityscapes: free for non-commercial research, no redistribution",
            archive=replace(
                _berkeley("cityscapes", {"train": 2975, "val": 500}, size=103_441_232),
                site="https://www.cityscapes-dataset.com/downloads/",
                originals=("leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip"),
                prepare="imtrans_datasets.cityscapes:prepare",
            ),
        ),
    ),
)

PHOTOS: Sequence[tuple[str, str, DatasetInfo]] = (
    (
        "cifar10",
        "small photos of ten kinds of things",
        DatasetInfo(
            is_paired=False,
            pixels=(32, 32),
            advice=CIFAR,
            terms="none stated; cite Krizhevsky 2009, Learning Multiple Layers of Features",
            archive=Archive(
                url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                size=170_052_171,
                unpacked=184_380_000,
                counts={"train": 50_000, "test": 10_000},
                split_globs={"train": "data_batch_*.bin", "test": "test_batch.bin"},
                record_bytes=3073,
                suffixes=(".bin",),
            ),
        ),
    ),
    (
        "coco-sample",
        "photos of everyday scenes, a part of COCO 2017",
        DatasetInfo(
            is_paired=False,
            advice=COCO,
            terms="COCO: the photos are their Flickr authors', each under its own licence",
            archive=Archive(
                url="https://s3.amazonaws.com/fast-ai-coco/coco_sample.tgz",
                size=3_245_877_008,
                counts={"train": 21_837},
                split_globs={"train": "train_sample"},
            ),
        ),
    ),
)


def named_components() -> Iterable[Component]:
    """Every set that has a name."""
    for name, summary, info in (*PAIRS, *UNPAIRED, *PHOTOS):
        yield Component(
            kind="dataset",
            name=name,
            target=f"imtrans_datasets.named:{name.replace(chr(45), chr(95))}",
            summary=summary if info.is_paired else f"{summary}, {'unpaired' if info.sides[0] else 'for pair makers'}",
            options=CifarOptions if name == "cifar10" else NamedOptions,
            info=info,
            needs_context=True,
        )
