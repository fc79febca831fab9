"""Table 2A of the faults: folders of pairs as people have them, on a real disk."""

import os
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imtrans.errors import DataError, ResourceError, ShapeError
from imtrans_datasets.components_folders import FolderOptions
from imtrans_datasets.folder import FolderOfPairs
from imtrans_datasets.pairing.layout import find, find_photos

SMALL = ("--steps", "1", "--set", "generator.depth=3", "--set", "generator.width=2", "--set", "metrics=[]")
SMALL += ("--set", "discriminator.width=2", "--set", "train.num_samples=1")


def picture(path, size=(16, 8), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, 7).save(path)
    return path


def pairs(folder, names="abc", sides=("A", "B"), **more):
    for name in names:
        for side in sides:
            picture(folder / side / f"{name}.png", **more)


@pytest.mark.parametrize(
    ("text", "code", "message", "hint"),
    [
        ("./nowhere", 3, "--dataset ./nowhere: does not exist", "imtrans list datasets"),
        ("nowhere.csv", 3, "--dataset nowhere.csv: does not exist", ".csv"),
        ("./one.png", 3, "is a file, not a folder of pairs", ".jsonl"),
        ("./x/empty", 3, "0 pictures in x/empty", "Looked for .png .jpg"),
    ],
)
def test_what_is_no_data_set_is_said_with_what_to_give(text, code, message, hint, cli, check_message, tmp_path):
    """D02 to D04; D01 is in test_command_line.py."""
    picture(tmp_path / "one.png")
    (tmp_path / "x" / "empty").mkdir(parents=True)
    done = cli("run", "pix2pix", "--dataset", text)
    assert done.code == code
    check_message(done.err)
    assert message in done.err
    assert hint in done.err
    assert not (tmp_path / "runs").exists()


def test_the_commonest_other_files_and_the_folders_are_named(tmp_path):
    """D05."""
    for name in ("a.gif", "b.gif", "c.gif", "d.txt", "e.txt", "f.pdf", "g.doc"):
        (tmp_path / name).write_text("x")
    (tmp_path / "deeper").mkdir()
    with pytest.raises(DataError, match=r"it holds 3 \.gif, 2 \.txt, 1 \.(pdf|doc), the folders deeper"):
        find(tmp_path, "train")


def test_a_missing_partner_folder_is_named(tmp_path):
    """D06."""
    picture(tmp_path / "trainA" / "1.png")
    with pytest.raises(DataError, match="trainB: no such folder") as caught:
        find(tmp_path, "train")
    assert "trainA is there; both are needed" in caught.value.hint


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("abcde", "abce", r"1 pictures have no partner: d \(only in A\)"),
        ("abc", "abx", r"2 pictures have no partner: c \(only in A\), x \(only in B\)"),
        ("1", "2", r"1 \(only in A\), 2 \(only in B\)"),
    ],
)
def test_pictures_without_partner_are_named_and_never_paired_by_position(first, second, message, tmp_path):
    """D07 and D08."""
    pairs(tmp_path, first, sides="A")
    pairs(tmp_path, second, sides="B")
    with pytest.raises(DataError, match=message) as caught:
        find(tmp_path, "train")
    assert f"A holds {len(first)}, B {len(second)}" in caught.value.hint


def test_sizes_that_differ_in_a_pair_are_named_and_can_be_resized(tmp_path):
    """D09."""
    pairs(tmp_path, sides="A", size=(8, 8))
    pairs(tmp_path, sides="B", size=(4, 6))
    with pytest.raises(ShapeError, match=r"A/a\.png \(8 x 8\) and .*B/a\.png \(4 x 6\)") as caught:
        FolderOfPairs(find(tmp_path, "train"), FolderOptions())[0]
    assert "--set dataset.resize_pairs=true" in caught.value.hint
    pair = FolderOfPairs(find(tmp_path, "train"), FolderOptions(resize_pairs=True))[0]
    assert pair.source.shape == pair.target.shape == (8, 8, 3)


def test_the_mend_for_pairs_of_two_sizes_works(cli, tmp_path):
    """D09, through the command line."""
    pairs(tmp_path / "x", sides="A", size=(40, 32))
    pairs(tmp_path / "x", sides="B", size=(32, 32))
    small = [*SMALL]
    small += ["--set", "data.size=32"]
    refused = cli("run", "pix2pix", "--dataset", "./x", *small)
    assert refused.code == 3
    assert "--set dataset.resize_pairs=true" in refused.err
    assert cli("run", "pix2pix", "--dataset", "./x", "--set", "dataset.resize_pairs=true", *small).code == 0


@pytest.mark.parametrize("width", [1, 15])
def test_an_odd_width_has_no_two_halves(width, tmp_path):
    """D10."""
    for name in "ab":
        picture(tmp_path / f"{name}.png", size=(width, 8))
    with pytest.raises(ShapeError, match=rf"a\.png: {width} pixels wide: two halves side by side need an even width"):
        FolderOfPairs(find(tmp_path, "train"))[0]


def test_small_pictures_are_enlarged_and_that_is_said(cli, tmp_path):
    """D11, with the key that changes it."""
    pairs(tmp_path / "x", size=(20, 16))
    small = [*SMALL]
    told = cli("run", "pix2pix", "--dataset", "./x", "--set", "data.size=32", *small)
    assert told.code == 0
    assert "the first pair is 20 x 16, smaller than data.size, 32 x 32: pictures are enlarged" in told.err
    assert "enlarged" not in cli("run", "pix2pix", "--dataset", "./x", "--set", "data.size=16", *small).err


def test_val_serves_for_test_and_the_training_pairs_for_neither(tmp_path):
    """D12."""
    for split, names in (("train", "abcdef"), ("val", "xy")):
        pairs(tmp_path / split, names)
    listing = find(tmp_path, "test")
    assert [i.key for i in listing.items] == ["x", "y"]
    assert listing.notes[-1] == "no test pairs: val serves"
    assert listing.splits() == {"train": "6", "val": "2", "test": "2 (val serves)"}
    for name in "xy":
        for side in "AB":
            (tmp_path / "val" / side / f"{name}.png").unlink()
    with pytest.raises(DataError, match=r"0 pictures in .*val/A"):
        find(tmp_path, "val")


def test_pairs_of_a_split_are_never_trained_on_by_the_way(tmp_path):
    """D12, the other way round: only val is there, in each of the layouts."""
    pairs(tmp_path / "flat" / "val")
    for side in "AB":
        picture(tmp_path / "nested" / side / "val" / "1.png")
    picture(tmp_path / "photos" / "val" / "1.png")
    for look, name in ((find, "flat"), (find, "nested"), (find_photos, "photos")):
        with pytest.raises(DataError, match="0 pictures in"):
            look(tmp_path / name, "train")


def test_the_same_folder_twice_is_refused(tmp_path, cli):
    """D13."""
    pairs(tmp_path / "x", sides="A")
    (tmp_path / "x" / "B").symlink_to("A")
    done = cli("run", "pix2pix", "--dataset", "./x", *SMALL)
    assert done.code == 3
    assert "pairs are a picture and itself" in done.err


def test_two_pictures_of_one_stem_are_both_named(tmp_path):
    """D14."""
    pairs(tmp_path)
    picture(tmp_path / "B" / "a.jpg")
    with pytest.raises(DataError, match=r"a\.jpg and .*a\.png have one name"):
        find(tmp_path, "train")


def test_names_that_differ_in_case_are_said_and_ordered_by_bytes(tmp_path):
    """D15."""
    for name in ("b", "a", "B", "A", "ä", "Z"):
        picture(tmp_path / f"{name}.png")
    listing = find_photos(tmp_path, "train")
    assert [i.key for i in listing.items] == ["A", "B", "Z", "a", "b", "ä"]
    assert "names that differ only in case: A, B, a, b" in listing.notes[0]


def test_a_folder_that_may_not_be_read_names_path_and_user():
    """D16. Root may read everything: then another user asks."""
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        pairs(Path(top) / "x")
        (Path(top) / "x" / "B").chmod(0)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            with pytest.raises(ResourceError, match=r"B: Permission denied for user \w") as caught:
                find(Path(top) / "x", "train")
        finally:
            if is_root:
                os.seteuid(0)
            (Path(top) / "x").chmod(0o755)
            (Path(top) / "x" / "B").chmod(0o755)
        assert caught.value.exit_code == 5


def test_a_link_to_a_folder_above_is_not_followed_twice(tmp_path):
    """D17."""
    pairs(tmp_path)
    (tmp_path / "A" / "again").symlink_to(tmp_path / "A")
    (tmp_path / "A" / "itself").symlink_to("itself")
    listing = find(tmp_path, "train")
    assert [i.key for i in listing.items] == ["a", "b", "c"]
    assert "again: links to a folder that has been read; not followed twice" in listing.notes[0]


def test_links_out_of_the_folder_are_followed(tmp_path):
    """D18: for data of one's own."""
    pairs(tmp_path / "elsewhere")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "A").symlink_to(tmp_path / "elsewhere" / "A")
    (tmp_path / "x" / "B").mkdir()
    for name in "abc":
        (tmp_path / "x" / "B" / f"{name}.png").symlink_to(tmp_path / "elsewhere" / "B" / f"{name}.png")
    assert FolderOfPairs(find(tmp_path / "x", "train"))[1].key == "b"


ODD = ["with space", "quote'\"", "two\nlines", "\x1b[31mred", "🐟", os.fsdecode(b"latin-\xe9"), "é" * 125, "-o"]


def test_odd_names_work_and_are_shown_escaped(tmp_path):
    """D19."""
    for name in ODD:
        for side in "AB":
            picture(tmp_path / side / f"{name}.png")
    listing = find(tmp_path, "train")
    data = FolderOfPairs(listing)
    keys = [data[i].key for i in range(len(data))]
    assert len(keys) == len(ODD)
    assert all(key.isprintable() and key.encode() for key in keys)
    assert {"two\\nlines", "\\x1b[31mred", "latin-\\udce9"} < {*keys}
    (tmp_path / "B" / "two\nlines.png").unlink()
    with pytest.raises(DataError) as caught:
        find(tmp_path, "train")
    assert "two\\nlines (only in A)" in caught.value.what
    assert "\n" not in caught.value.what


def test_odd_names_train_and_translate(cli, tmp_path):
    """D19, through the command line: records, pictures and the page hold such names."""
    for name in ODD:
        for side in "AB":
            picture(tmp_path / "x" / side / f"{name}.png", size=(16, 16))
    small = [*SMALL]
    done = cli("run", "pix2pix", "--dataset", "./x", "--set", "data.size=32", *small, "--name", "odd")
    assert done.code == 0, done.err
    assert "\x1b" not in done.err
    done = cli("translate", "odd", "x/A", "-o", "out")
    assert done.code == 0, done.err
    assert len(list((tmp_path / "out").iterdir())) == len(ODD)


def test_a_listing_takes_little_memory_for_each_file(tmp_path):
    """D20, in small; benchmarks/listing.py measures 100,000 and a million: 300 bytes each would be 300 MB."""
    for number in range(500):
        (tmp_path / f"{number}.png").touch()
    tracemalloc.start()
    try:
        listing = find(tmp_path, "train")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(listing.items) == 500
    assert kept / 500 < 600


def test_junk_of_file_managers_is_counted_and_passed_over(tmp_path):
    """D22."""
    pairs(tmp_path)
    for name in (".DS_Store", "Thumbs.db", "._a.jpg"):
        (tmp_path / "A" / name).write_bytes(b"junk")
    picture(tmp_path / "B" / "__MACOSX" / "a.png")
    listing = find(tmp_path, "train")
    assert [i.key for i in listing.items] == ["a", "b", "c"]
    assert listing.notes[:2] == ("3 hidden or system files passed over", "1 hidden or system files passed over")


def labelled(folder, values, *, mode="L", names="abc"):
    for name in names:
        picture(folder / "A" / f"{name}.png", size=(4, 4))
        (folder / "B").mkdir(exist_ok=True)
        ids = Image.fromarray(np.resize(np.array(values, np.uint8), (4, 4)))
        if mode == "P":
            ids = ids.convert("P")
            ids.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        ids.save(folder / "B" / f"{name}.png")


def test_a_label_outside_the_table_names_file_value_and_what_is_allowed(tmp_path):
    """D23."""
    labelled(tmp_path, [0, 1, 2], names="ac")
    labelled(tmp_path, [0, 7], names="b")
    data = FolderOfPairs(find(tmp_path, "train"), FolderOptions(labels="target", classes=3))
    assert data[0].target.max() == 2
    with pytest.raises(DataError, match=r"B/b\.png: value 7; allowed are 0 to 2") as caught:
        data[1]
    assert "dataset.classes" in caught.value.hint


@pytest.mark.parametrize(("first", "second"), [("P", "L"), ("L", "P")])
def test_palettes_and_plain_numbers_are_not_mixed(first, second, tmp_path):
    """D24."""
    labelled(tmp_path, [0, 1, 2], names="ac", mode=first)
    labelled(tmp_path, [0, 1, 2], names="b", mode=second)
    kind = {"P": "palette", "L": "grey"}[second]
    with pytest.raises(DataError, match=rf"b\.png: {kind} .*, where the targets are 2 .*, 1 {kind}"):
        FolderOfPairs(find(tmp_path, "train"), FolderOptions(labels="target", classes=3))


def test_a_colour_picture_is_no_label_map(tmp_path):
    """D24."""
    pairs(tmp_path)
    with pytest.raises(DataError, match=r"B/a\.png: mode RGB is a picture, not a label map"):
        FolderOfPairs(find(tmp_path, "train"), FolderOptions(labels="target", classes=3))
