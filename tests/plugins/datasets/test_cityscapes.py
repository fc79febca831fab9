"""The Cityscapes pairs from archives packed as the official ones are."""

import csv
import dataclasses
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imtrans.engine.datasets.dataset_download import fetch_dataset
from imtrans.errors import DataError
from imtrans.plugins.catalog import Catalog
from imtrans_datasets.named import cityscapes

# Not in the order of their names, as zips may be.
FRAMES = (
    ("train", "ulm", "ulm_0"),
    ("train", "aachen", "aachen_1"),
    ("train", "aachen", "aachen_0"),
    ("val", "b", "b_9"),
)
SIZE = (64, 32)


def blocks(number: int, channels: int) -> np.ndarray:
    small = np.random.default_rng(number).integers(0, 256, (4, 8, channels), dtype=np.uint8)
    return np.kron(small, np.ones((8, 8, 1), np.uint8))


def png(picture: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(out, "PNG")
    return out.getvalue()


def classes(number: int) -> np.ndarray:
    return (blocks(number, 1) % 34).astype(np.uint8)


def photos() -> dict[str, bytes]:
    files = {f"leftImg8bit/{s}/{c}/{f}_leftImg8bit.png": png(blocks(i, 3)) for i, (s, c, f) in enumerate(FRAMES)}
    return {**files, "leftImg8bit/test/berlin/x_leftImg8bit.png": b"never looked at", "README": b""}


def labels() -> dict[str, bytes]:
    files = {}
    for i, (split, city, frame) in enumerate(FRAMES):
        stem = f"gtFine/{split}/{city}/{frame}_gtFine"
        files[f"{stem}_color.png"] = png(blocks(10 + i, 4))  # with alpha, as theirs are
        files[f"{stem}_labelIds.png"] = png(classes(20 + i))
        files[f"{stem}_polygons.json"] = b"{}"
    return files


@pytest.fixture
def fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog: Catalog) -> Callable[..., Path]:
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    component = catalog.component("dataset", "cityscapes")

    def call(
        *archives: Mapping[str, bytes], names: tuple[str, ...] = ("photos.zip", "labels.zip"), val: int = 1
    ) -> Path:
        for name, files in zip(names, archives, strict=False):
            with zipfile.ZipFile(tmp_path / name, "w") as file:
                for member, data in files.items():
                    file.writestr(member, data)
        archive = dataclasses.replace(component.info.archive, counts={"train": 3, "val": val})
        info = dataclasses.replace(component.info, archive=archive)
        paths = [tmp_path / name for name in names[: len(archives)]]
        return fetch_dataset(dataclasses.replace(component, info=info), archives=paths).folder

    return call


def half(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((256, 256), Image.Resampling.BICUBIC), np.int64)


def test_pairs_are_as_the_usual_preparation_makes_them(fetch: Callable) -> None:
    folder = fetch(photos(), labels())
    assert sorted(p.name for p in folder.iterdir()) == ["labels", "names.csv", "train", "val"]
    wanted = {("train", "0"): 2, ("train", "1"): 1, ("train", "2"): 0, ("val", "0"): 3}
    for (split, number), frame in wanted.items():
        with Image.open(folder / split / f"{number}.jpg") as image:
            assert image.size == (512, 256)
            assert not any(sum(q) > 64 for q in image.quantization.values()), "quality 100: nothing is quantised"
            assert {component[1:3] for component in image.layer} == {(1, 1)}, "colour in full resolution"
            pair = np.asarray(image, np.int64)
        assert abs(pair[:, :256] - half(blocks(frame, 3))).mean() < 1.5
        assert abs(pair[:, 256:] - half(blocks(10 + frame, 4)[..., :3])).mean() < 1.5
    with (folder / "names.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [
            ["train", "0", "aachen/aachen_0"],
            ["train", "1", "aachen/aachen_1"],
            ["train", "2", "ulm/ulm_0"],
            ["val", "0", "b/b_9"],
        ]


def test_the_exact_labels_are_kept_and_found_from_a_pair(fetch: Callable) -> None:
    from imtrans.interfaces import DatasetContext
    from imtrans.kit.images import decode

    folder = fetch(photos(), labels())
    val = cityscapes(root=None, context=DatasetContext(make=lambda *_: None, split="val"))
    assert val.labels(0) == folder / "labels" / "val" / "0.png"
    assert np.array_equal(decode(val.labels(0), as_labels=True), classes(23)), "full size, as they were"
    train = decode(folder / "labels" / "train" / "0.png", as_labels=True)
    assert np.array_equal(train[..., 0], np.kron(classes(22)[::8, ::8, 0], np.ones((64, 32), np.uint8)))
    (folder / "labels" / "val" / "0.png").unlink()
    assert val.labels(0) is None


def without(files: Mapping[str, bytes], part: str) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if part not in name}


BROKEN = {
    "one archive alone": ((photos(),), "pictures are lacking: .*color"),
    "the same twice": ((photos(), photos()), "is there twice"),
    "a photo lacks its labels": ((photos(), without(labels(), "aachen_1_gtFine_color")), r"1 .*aachen_1 \(color\)"),
    "labels lack their photo": ((without(photos(), "ulm_0"), labels()), r"lacking: ulm_0 \(leftImg8bit\)"),
    "no split": ((without(photos(), "/val/"), without(labels(), "/val/")), "no val pictures"),
    "no picture": (
        ({**photos(), "leftImg8bit/val/b/b_9_leftImg8bit.png": b"x"}, labels()),
        r"_trainvaltest\.zip: member '.*b_9_leftImg8bit\.png' not a picture",
    ),
    "labels in colour": (
        (photos(), {**labels(), "gtFine/val/b/b_9_gtFine_labelIds.png": png(blocks(1, 3))}),
        r"labels\.zip: member 'gtFine/val/b/b_9_gtFine_labelIds\.png' mode RGB is a picture",
    ),
    "a way out": (({"../x.png": b"", "leftImg8bit/../../y.png": b"", **photos()}, {}), "no val pictures|lacking"),
}


@pytest.mark.parametrize(("archives", "fault"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_whole_is_refused_and_leaves_nothing(
    fetch: Callable, tmp_path: Path, archives: tuple, fault: str
) -> None:
    names = ("leftImg8bit_trainvaltest.zip", "labels.zip")
    with pytest.raises(DataError, match=fault):
        fetch(*archives, names=names)
    assert list((tmp_path / "home" / "datasets").iterdir()) == []
    assert not (tmp_path / "x.png").exists()


def test_other_counts_than_the_declared_ones_are_refused(fetch: Callable, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds train 3, val 1 pictures, not train 3, val 2"):
        fetch(photos(), labels(), val=2)
    assert list((tmp_path / "home" / "datasets").iterdir()) == []
