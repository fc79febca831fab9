import numpy as np
import pytest
from factories import config
from PIL import Image

from imtrans.engine.data.loader import SampleIndex
from imtrans.engine.data.pair_loader import open_split
from imtrans.errors import ConfigError, DataError, ShapeError
from imtrans.plugins.component import ComponentRef
from imtrans_datasets.folder import FolderOfPairs
from imtrans_datasets.pairing.layout import find


def picture(path, size=(16, 8), colour=(10, 20, 30), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def sides(folder):
    """A pair whose left half is red and whose right half is blue."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("1", "2", "10"):
        whole = np.zeros((8, 16, 3), np.uint8)
        whole[:, :8, 0], whole[:, 8:, 2] = 200, 100
        Image.fromarray(whole).save(folder / f"{name}.png")


def test_two_halves_side_by_side_are_a_left_and_b_right(tmp_path):
    sides(tmp_path / "train")
    sides(tmp_path / "val")
    data = FolderOfPairs(find(tmp_path, "val"))
    assert len(data) == 3
    pair = data[0]
    assert pair.key == "1"
    assert pair.source.shape == pair.target.shape == (8, 8, 3)
    assert (pair.source[0, 0].tolist(), pair.target[0, 0].tolist()) == ([200, 0, 0], [0, 0, 100])
    assert data.files(0) == (tmp_path / "val" / "1.png",)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("train/A", "train/B"),
        ("A/train", "B/train"),
        ("trainA", "trainB"),
        ("train/source", "train/target"),
        ("source/train", "target/train"),
    ],
)
def test_two_folders_are_paired_by_name(tmp_path, one, two):
    for name in ("a", "b"):
        picture(tmp_path / one / f"{name}.png", size=(8, 8), colour=(1, 1, 1))
        picture(tmp_path / two / f"{name}.jpg", size=(8, 8), colour=(9, 9, 9))
    listing = find(tmp_path, "train")
    folders = {(p.files[0].parent, p.files[1].parent) for p in listing.items}
    assert folders == {(tmp_path / one, tmp_path / two)}


def test_test_serves_where_val_is_missing_and_the_other_way_round(tmp_path):
    sides(tmp_path / "train")
    sides(tmp_path / "test")
    listing = find(tmp_path, "val")
    assert {i.files[0].parent.name for i in listing.items} == {"test"}
    assert listing.notes[-1] == "no val pairs: test serves"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "0 pictures in"),
        (["notes.txt", "x.xyz", "y.xyz"], "it holds 2 .xyz, 1 .txt"),
        (["A/1.png"], "B: no such folder"),
        (["A/1.png", "B/2.png"], r"2 pictures have no partner: 1 \(only in A\), 2 \(only in B\)"),
        (["a.png", "a.jpg"], "a.jpg and .*a.png have one name"),
    ],
)
def test_what_is_missing_is_named(tmp_path, files, message):
    for name in files:
        path = tmp_path / name
        if path.suffix in (".png", ".jpg"):
            picture(path)
        else:
            path.write_bytes(b"x")
    with pytest.raises(DataError, match=message):
        find(tmp_path, "train")


def test_junk_of_file_managers_is_passed_over(tmp_path):
    sides(tmp_path)
    for name in (".DS_Store", "Thumbs.db", "._1.png"):
        (tmp_path / name).write_bytes(b"junk")
    (tmp_path / "__MACOSX").mkdir()
    assert len(find(tmp_path, "train").items) == 3


def test_an_odd_width_and_halves_of_two_sizes_name_the_file(tmp_path):
    picture(tmp_path / "odd.png", size=(15, 8))
    picture(tmp_path / "odd2.png", size=(15, 8))
    with pytest.raises(ShapeError, match=r"odd.*\.png: 15 pixels wide"):
        FolderOfPairs(find(tmp_path, "train"))[0]
    for name, size in (("1", (8, 8)), ("2", (8, 8)), ("3", (8, 10))):
        picture(tmp_path / "x" / "A" / f"{name}.png", size=(8, 8))
        picture(tmp_path / "x" / "B" / f"{name}.png", size=size)
    with pytest.raises(ShapeError, match="8 x 8 and 8 x 10 pixels"):
        FolderOfPairs(find(tmp_path / "x", "train"))[2]


def test_grey_pictures_among_coloured_ones_are_repeated(tmp_path):
    picture(tmp_path / "1.png")
    picture(tmp_path / "2.png", colour=77, mode="L")
    picture(tmp_path / "3.png")
    data = FolderOfPairs(find(tmp_path, "train"))
    assert data.data_spec.source.channels == 3
    assert data[1].source[0, 0].tolist() == [77, 77, 77]


def test_sixteen_bits_are_kept(tmp_path):
    for name in ("1", "2"):
        Image.fromarray(np.full((8, 16), 40_000, np.uint16)).save(tmp_path / f"{name}.png")
    data = FolderOfPairs(find(tmp_path, "train"))
    assert data.data_spec.target.high == 65535
    assert data[0].target.dtype == np.uint16
    assert data[0].target.max() == 40_000


def test_a_named_set_is_read_from_the_data_root_and_turned_as_it_wants(tmp_path):
    sides(tmp_path / "facades" / "train")
    sides(tmp_path / "facades" / "val")
    chosen = config({"data.size": "8"}, dataset=ComponentRef("facades", {"root": str(tmp_path)}))
    pair, _ = open_split(chosen, "train").pair(SampleIndex(0, 0))
    assert pair.source[0, 0].tolist() == [0, 0, 100], "facades go from labels (right) to photo (left)"
    straight = config(
        {"data.size": "8", "data.direction": "AtoB"}, dataset=ComponentRef("facades", {"root": str(tmp_path)})
    )
    assert open_split(straight, "train").pair(SampleIndex(0, 0))[0].source[0, 0].tolist() == [200, 0, 0]


def test_a_named_set_that_is_not_there_says_where_to_put_it(tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    with pytest.raises(DataError, match="data set 'maps'") as caught:
        open_split(config(dataset=ComponentRef("maps")), "train")
    assert str(tmp_path / "home" / "datasets" / "maps") in caught.value.hint
    assert "--data-root" in caught.value.hint


def test_a_folder_without_a_path_asks_for_it():
    with pytest.raises(ConfigError, match="needs its path"):
        open_split(config(dataset=ComponentRef("folder")), "train")


def test_a_partner_of_a_format_that_is_not_read_is_named_as_that(tmp_path):
    for name in "abc":
        picture(tmp_path / "A" / f"{name}.png")
        picture(tmp_path / "B" / f"{name}.png")
    (tmp_path / "A" / "b.png").rename(tmp_path / "A" / "b.psd")
    with pytest.raises(DataError, match=r"B/b\.png: its partner .*A/b\.psd is of a format that is not read") as caught:
        find(tmp_path, "train")
    assert caught.value.hint == "Convert it to PNG or TIFF."
    listing = find(tmp_path, "train", skip_invalid=True)
    assert [issue.code for issue in listing.issues] == ["not-read"]
    assert "1 files of formats that are not read: .psd" in listing.notes


def test_a_jpeg_2000_is_a_partner(tmp_path):
    for name in "abc":
        picture(tmp_path / "A" / f"{name}.jp2")
        picture(tmp_path / "B" / f"{name}.png")
    assert len(find(tmp_path, "train").items) == 3
