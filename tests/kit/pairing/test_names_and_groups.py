"""Which names pair files, and what groups them."""

import pytest

from imtrans.kit.pairing.groups import groups_of, splits_of
from imtrans.kit.pairing.names import by_folders, by_names
from imtrans.kit.pairing.parts import Part, split_part


@pytest.mark.parametrize(
    ("one", "two", "says", "patterns"),
    [
        ("{}_in.png", "{}_out.png", "names end in _in / _out", ("*_in", "*_out")),
        ("{}-A.png", "{}-B.png", "names end in -A / -B", ("*-A", "*-B")),
        ("in_{}.png", "gt_{}.png", "names begin with in_ / gt_", ("in_*", "gt_*")),
        ("d/x_{}_he_1.png", "d/x_{}_ihc_1.png", "names with _he_ / _ihc_", ("*_he_*", "*_ihc_*")),
        ("images/{}.png", "masks/{}.png", "folders images / masks", ("images/*", "masks/*")),
        ("p/images/{}.png", "p/masks/{}.png", "folders images / masks", ("*/images/*", "*/masks/*")),
    ],
)
def test_one_word_tells_two_sides_apart(one, two, says, patterns):
    names = [text.format(f"{i:02}") for i in range(12) for text in (one, two)]
    best = by_names(names)[0]
    assert (str(best), best.patterns, len(best.pairs)) == (says, patterns, 12)
    assert best.pairs[0] == (one.format("00"), two.format("00"))


def test_counters_and_pictures_without_partners_make_no_pairs():
    assert by_names([f"{i:03}.png" for i in range(50)]) == []
    assert by_names([*(f"{i}_a.png" for i in range(20)), "3_b.png"]) == []


def test_folders_whose_files_have_endings_of_their_own_are_paired():
    names = [f"x/{kind}/{i}_{end}.png" for i in range(5) for kind, end in (("images", "img"), ("masks", "seg"))]
    (pairs,) = by_folders(names)
    assert pairs.pairs[0] == ("x/images/0_img.png", "x/masks/0_seg.png")
    assert str(pairs) == "folders images / masks"


@pytest.mark.parametrize(
    ("keys", "groups"),
    [
        (["patient1/a", "patient1/b", "patient2/a", "patient2/b"], ["patient1", "patient1", "patient2", "patient2"]),
        (["x_slide3_t1", "x_slide3_t2", "x_slide4_t1", "x_slide4_t2"], ["slide3", "slide3", "slide4", "slide4"]),
        (["P01_1", "P01_2", "P02_1", "P02_2"], ["P01", "P01", "P02", "P02"]),
        (["old/1", "old/2", "new/1", "new/2"], ["old", "old", "new", "new"]),
        (["1", "2", "3", "4"], []),
    ],
)
def test_groups_are_found_in_names_and_folders(keys, groups):
    assert groups_of(keys)[1] == groups


def test_splits_follow_folders_else_groups():
    assert splits_of(["train/1", "val/2"], []) == ["train", "val"]
    assert splits_of(["1", "2"], []) == ["", ""]
    splits = splits_of([str(i) for i in range(20)], [f"g{i // 4}" for i in range(20)])
    assert sorted({splits.count("val"), splits.count("train")}) == [4, 16]


def test_a_part_is_written_behind_the_name():
    assert split_part("a/x.png#column=2/3") == ("a/x.png", Part("column", 2, 3))
    assert str(Part("page", 2)) == "#page=2"
    for text in ("x.png", "x.png#column=4/3", "x#1.png", "x.tif#page=0"):
        assert split_part(text) == (text, None)
