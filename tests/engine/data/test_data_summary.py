"""What a run says about its data before it starts."""

import numpy as np
import pytest
from factories import config
from PIL import Image

from imtrans.engine.data.data_summary import data_summary
from imtrans.engine.data.pair_loader import open_split
from imtrans.plugins.component import ComponentRef


def said(settings=None, *, dataset=None):
    chosen = config(settings, dataset=dataset)
    return data_summary(chosen, open_split(chosen, "train"), open_split(chosen, "val"))


def pictures(folder, names, array):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.fromarray(array).save(folder / name)


@pytest.fixture
def halves(tmp_path):
    for split, names in (("train", ("1.png", "2.png", "3.png", "4.png")), ("test", ("5.png",))):
        pictures(tmp_path / "facades" / split, names, np.zeros((8, 32, 3), np.uint8))
    return tmp_path / "facades"


def test_a_named_set_says_what_its_sides_are_and_where_they_lie(halves):
    told = said({"data.size": "8"}, dataset=ComponentRef("facades", {"root": str(halves.parent)}))
    assert told["direction"] == "from labels (right half) to photo (left half) (data.direction=BtoA)"
    assert told["splits"] == "train 4, val 1 (test serves), test 1"
    assert told["pair 1"] == "1.png: right half 16 x 8, 3 channels, 8 bits; left half the same"
    assert told["note"] == "no val pairs: test serves"
    assert [name for name in told if name.startswith("pair")] == ["pair 1", "pair 2", "pair 3"]


def test_depth_and_channels_of_either_side_are_said(tmp_path):
    pictures(tmp_path / "A", ("a.png", "b.png"), np.zeros((9, 7), np.uint16))
    pictures(tmp_path / "B", ("a.png", "b.png"), np.zeros((9, 7, 3), np.uint8))
    told = said({"data.size": "4"}, dataset=ComponentRef("folder", {"path": str(tmp_path)}))
    assert told["data set"] == f"folder: {tmp_path}; pairs from the folders A and B"
    assert told["pair 1"] == "A/b.png: 7 x 9, 1 channel, 16 bits; B/b.png: 7 x 9, 3 channels, 8 bits"


def test_a_drawn_set_is_told_by_the_keys_of_its_pairs():
    told = said()
    assert told["data set"] == "toy"
    assert told["splits"] == "train 8, val 64"
    assert told["pair 2"].startswith("toy-1: source ")


def test_a_broken_second_pair_is_said_and_stops_nothing_here(halves):
    (halves / "train" / "2.png").write_bytes(b"no picture")
    told = said({"data.size": "8"}, dataset=ComponentRef("folder", {"path": str(halves)}))
    assert "2.png: not a picture" in told["pair 2"]
    assert told["pair 3"].startswith("3.png: left half 16 x 8")


def test_a_broken_test_folder_is_said_and_stops_no_training(halves):
    (halves / "val").mkdir()
    (halves / "test" / "5.png").rename(halves / "val" / "5.png")
    told = said({"data.size": "8"}, dataset=ComponentRef("folder", {"path": str(halves)}))
    assert told["splits"].startswith("train 4, val 1, test cannot be used: 0 pictures in ")


def test_names_that_would_drive_the_terminal_are_escaped(tmp_path):
    pictures(tmp_path / "val", ("c.png",), np.zeros((8, 16, 3), np.uint8))
    pictures(tmp_path / "train", ("\x1b[31m.png", "b.png"), np.zeros((8, 16, 3), np.uint8))
    told = said({"data.size": "8"}, dataset=ComponentRef("folder", {"path": str(tmp_path)}))
    assert any(text.startswith(r"\x1b[31m.png: left half") for text in told.values())


def test_of_folders_of_classes_the_one_that_holds_all_is_said(tmp_path):
    for split in ("train", "val"):
        pictures(tmp_path / split / "cat", ("1.png", "2.png", "3.png"), np.zeros((8, 8, 3), np.uint8))
        pictures(tmp_path / split / "dog", ("1.png",), np.zeros((8, 8, 3), np.uint8))
    told = said({"data.size": "8"}, dataset=ComponentRef("grey", {"root": str(tmp_path)}))
    assert told["data set"] == f"grey: {tmp_path / 'train'}; single photos"
    assert told["pair 1"].startswith("cat/1.png: ")
