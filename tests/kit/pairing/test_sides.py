"""Pairs in folders A and B, and whose they are."""

import pytest

from imtrans.errors import ConfigError, DataError
from imtrans.kit.pairing.sides import SidePair, side_pairs, subject_of


def named(folder):
    return {path.stem: path for path in sorted(folder.glob("*.x"))} if folder.is_dir() else {}


def touched(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.x").touch()


def test_folders_of_splits_go_before_folders_of_sides_and_val_serves_as_test(tmp_path):
    for side in "AB":
        touched(tmp_path / side, "whole")
    pairs, is_one = side_pairs(tmp_path, "test", named, kind="things")
    assert (pairs, is_one) == ([SidePair("whole", tmp_path / "A" / "whole.x", tmp_path / "B" / "whole.x")], True)
    for split in ("train", "val"):
        for side in "AB":
            touched(tmp_path / split / side, f"of-{split}")
    for split, name in (("train", "of-train"), ("val", "of-val"), ("test", "of-val")):
        pairs, is_one = side_pairs(tmp_path, split, named, kind="things")
        assert ([pair.name for pair in pairs], is_one) == ([name], False)


def test_what_has_no_partner_or_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="no things"):
        side_pairs(tmp_path, "train", named, kind="things")
    touched(tmp_path / "A", "one", "two")
    touched(tmp_path / "B", "two", "three")
    with pytest.raises(DataError, match=r"one.*three|three.*one"):
        side_pairs(tmp_path, "train", named, kind="things")
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="holds no folder val"):
        side_pairs(tmp_path, "val", named, kind="things")


def test_a_subject_is_what_a_pattern_finds_or_its_first_group():
    names = {"train": ["sub-1_a", "sub-1_b"], "val": ["sub-2_a"]}
    assert subject_of(names, "sub-[0-9]+", otherwise=str)("sub-1_b") == "sub-1"
    assert subject_of(names, "sub-([0-9]+)", otherwise=str)("sub-2_a") == "2"
    assert subject_of(names, "", otherwise=str)("sub-2_a") == "sub-2_a"
    with pytest.raises(DataError, match=r"patient 'a' is in train and in val \(sub-2_a\)"):
        subject_of(names, "[ab]$", otherwise=str)
    with pytest.raises(DataError, match="sub-1_a: its name does not fit"):
        subject_of(names, "_b", otherwise=str)
    with pytest.raises(ConfigError, match=r"dataset\.patient '\['"):
        subject_of(names, "[", otherwise=str)
