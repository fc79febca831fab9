"""Two folders of pictures that are no pairs: how they are found, divided, read and refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_scenes import photo
from factories import config
from PIL import Image

from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.data.splits.held_out import check_disjoint
from imtrans.errors import ConfigError, DataError
from imtrans.plugins.component import ComponentRef

LAYOUTS = [
    ("trainA", "trainB", "testA", "testB"),
    ("train_A", "train_B", "test_A", "test_B"),
    ("train/A", "train/B", "test/A", "test/B"),
    ("A/train", "B/train", "A/test", "B/test"),
    ("train/horses", "train/zebras", "test/horses", "test/zebras"),
    ("horses/train", "zebras/train", "horses/test", "zebras/test"),
]


def pictures(folder: Path, count: int, *, name: str, size: tuple[int, int] = (32, 24), first: int = 0) -> None:
    """Pictures whose upper left corner is of one colour: red is their number, and blue tells the side."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        array = cv2.resize(photo(i + (500 if name == "z" else 0)), size)
        array[:4, :4] = (i, 0, ord(name))
        Image.fromarray(array).save(folder / f"{name}{i}.png")


def sets(top: Path, *, layout: tuple[str, str, str, str] = LAYOUTS[0]) -> Path:
    one, two, test_one, test_two = layout
    pictures(top / one, 5, name="h")
    pictures(top / two, 7, name="z", size=(24, 24))
    pictures(top / test_one, 2, name="h", first=100)
    pictures(top / test_two, 3, name="z", first=100)
    return top


def opened(path: Path, split: str = "train", settings: dict[str, str] | None = None):
    return opened_as(split, settings, path=str(path))


def opened_as(split: str = "train", settings: dict[str, str] | None = None, **options: str):
    ref = ComponentRef("unpaired", options)
    return open_split(config({"data.size": "16", **(settings or {})}, dataset=ref), split)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_folders_of_any_numbers_are_found_in_each_layout(layout, tmp_path):
    sets(tmp_path, layout=layout)
    train, val = opened(tmp_path).source.dataset, opened(tmp_path, "val").source.dataset
    assert train.description.lengths == (5, 7)
    assert train.description.layout.startswith("unpaired: 5 and 7 pictures")
    assert dict(train.description.splits()) == {"train": "5 and 7", "val": "2 and 3", "test": "2 and 3"}
    assert (len(train), len(val)) == (7, 3)
    assert "test serves" in " ".join(val.description.notes)
    check_disjoint(train, val)
    assert len({train.key(i) for i in range(7)}) == 7


def test_two_paths_anywhere_make_a_set(tmp_path):
    sets(tmp_path)
    found = opened_as(source=str(tmp_path / "trainA"), target=str(tmp_path / "trainB")).source.dataset
    assert found.description.lengths[0] < 5  # some of each side are held out: there is no other place for them
    assert "5 and 7" not in found.description.layout


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_an_epoch_is_the_larger_side_and_partners_follow_from_the_place_alone(direction, tmp_path):
    sets(tmp_path)
    loading, other = (opened(tmp_path, settings={"data.direction": direction}) for _ in range(2))
    epochs = [[loading.pair(SampleIndex(e, i))[0] for i in range(7)] for e in range(3)]
    one, two = ("source", "target") if direction == "AtoB" else ("target", "source")
    numbers = [[(int(getattr(p, one)[0, 0, 0]), int(getattr(p, two)[0, 0, 0])) for p in epoch] for epoch in epochs]
    assert all([h for h, _ in epoch] == [0, 1, 2, 3, 4, 0, 1] for epoch in numbers)
    assert all(sorted(z for _, z in epoch) == [*range(7)] for epoch in numbers)
    assert len({tuple(epoch) for epoch in numbers}) == 3
    # Another process that begins in the midst of the third epoch reads the same.
    again = other.pair(SampleIndex(2, 4))[0]
    assert again.key == epochs[2][4].key == f"h4-z{numbers[2][4][1]}"
    np.testing.assert_array_equal(again.source, epochs[2][4].source)
    assert {int(getattr(p, one)[0, 0, 2]) for e in epochs for p in e} == {ord("h")}


def test_without_a_place_for_validation_some_of_each_side_are_held_out_by_name(tmp_path):
    pictures(tmp_path / "A", 30, name="h")
    pictures(tmp_path / "B", 20, name="z")
    parts = [opened(tmp_path, split).source.dataset for split in ("train", "val")]
    for side in (0, -1):
        names = [{d.files(i)[side].name for i in range(len(d))} for d in parts]
        assert not names[0] & names[1]
        assert len(names[0] | names[1]) == (30 if side == 0 else 20)
    check_disjoint(*parts)
    held = {parts[1].files(i)[0].name for i in range(len(parts[1]))}
    pictures(tmp_path / "A", 5, name="h", first=200)
    after = opened(tmp_path, "val").source.dataset
    assert held <= {after.files(i)[0].name for i in range(len(after))}
    assert "held out of training" in " ".join(parts[0].description.notes)


def test_a_picture_in_both_splits_is_refused_whichever_its_partner_is(tmp_path):
    sets(tmp_path)
    (tmp_path / "testA" / "again.png").hardlink_to(tmp_path / "trainA" / "h3.png")
    with pytest.raises(DataError, match=r"1 of 6 validation pictures are trained on as well: .*again.png"):
        check_disjoint(opened(tmp_path).source.dataset, opened(tmp_path, "val").source.dataset)


def test_a_broken_picture_is_named(tmp_path):
    sets(tmp_path)
    (tmp_path / "trainB" / "z2.png").write_bytes(b"no picture")
    loading = opened(tmp_path)
    with pytest.raises(DataError, match=r"z2.png"):
        [loading.pair(SampleIndex(0, i)) for i in range(7)]


def test_a_folder_without_two_sides_says_what_is_looked_for_and_that_pairs_fit_pix2pix(tmp_path):
    pictures(tmp_path / "train", 3, name="h")
    with pytest.raises(DataError, match="no two folders of pictures") as caught:
        opened(tmp_path)
    assert "trainA and trainB" in caught.value.hint
    assert f"imtrans run pix2pix --dataset {tmp_path / 'train'}" in caught.value.hint


@pytest.mark.parametrize("options", [{"source": "a"}, {"path": "a", "source": "b", "target": "c"}, {}])
def test_one_place_is_needed(options, tmp_path):
    with pytest.raises(ConfigError, match="needs the path of a folder, or two folders"):
        opened_as(**options)


def test_pictures_of_one_name_on_both_sides_get_a_note(tmp_path):
    for side in "AB":
        pictures(tmp_path / f"train{side}", 6, name="p")
        pictures(tmp_path / f"test{side}", 2, name="p", first=50)
    notes = " ".join(opened(tmp_path).source.dataset.description.notes)
    assert "6 pictures have one name on both sides" in notes
    assert f"imtrans run pix2pix --dataset {tmp_path}" in notes


@pytest.mark.slow
def test_data_check_says_that_a_folder_is_unpaired(tmp_path, cli):
    sets(tmp_path / "x")
    result = cli("data", "check", "x")
    assert result.code == 0, result.err
    assert "unpaired: 5 and 7 pictures (trainA and trainB)" in result.out
    assert "7 train" in result.out


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS[:1] + LAYOUTS[3:4])
def test_unpaired_folders_in_a_recipe_for_pairs_say_what_fits(layout, tmp_path, cli):
    sets(tmp_path / "x", layout=layout)
    result = cli("run", "pix2pix", "--dataset", "x")
    assert result.code == 3
    assert "imtrans run cyclegan --dataset x" in result.err
    assert "unpaired pictures (" in result.err
