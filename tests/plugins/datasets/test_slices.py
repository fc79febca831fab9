"""Stacks: each page of a source file is paired with the same page of its target file."""

import json
from pathlib import Path

import numpy as np
import pytest
from drawn_scenes import pages, photo, save, sketch
from factories import TINY

from imtrans.errors import DataError
from imtrans.kit import images
from imtrans_datasets.pairing.layout import find
from imtrans_datasets.pairing.slices import by_slice, stack_of

SLICES = ("--set", "dataset.pages=slices")
DEPTH = 3


def stacks(top, count=6, *, depth=DEPTH, labels=False):
    for i in range(count):
        pages(top / "A" / f"{i}.tif", *(sketch(10 * i + k)[..., 0] for k in range(depth)))
        targets = (photo(10 * i + k)[..., 0] for k in range(depth))
        pages(top / "B" / f"{i}.tif", *(t // 128 if labels else t for t in targets))


def test_each_page_is_a_sample_and_those_of_a_stack_stay_in_one_split(tmp_path, cli):
    stacks(tmp_path / "x")
    done = cli("data", "check", "x", *SLICES, "--json")
    assert done.code == 0, done.err
    checked = json.loads(done.out)
    counts = checked["counts"]
    assert (counts["train"], counts["val"]) == (12, 6)  # by their names, two of the six stacks are held out
    assert stack_of("0#page=2") == stack_of("0#page=10") == "0"


def test_stacks_of_different_depths_are_named(tmp_path, cli):
    stacks(tmp_path / "x")
    pages(tmp_path / "x" / "B" / "4.tif", photo(1)[..., 0], photo(2)[..., 0])
    done = cli("data", "check", "x", *SLICES)
    assert done.code == 3
    assert "x/A/4.tif has 3 pages, x/B/4.tif has 2" in done.out
    listing = by_slice(find(Path("x"), "train"), skip_invalid=True)
    assert (len(listing.items), len(listing.issues)) == (15, 1)


def test_one_stack_alone_cannot_be_split_without_a_leak(tmp_path, cli):
    stacks(tmp_path / "x", 1)
    done = cli("data", "check", "x", *SLICES)
    assert done.code == 3
    assert "x/A/0.tif: all 3 samples come from one file" in done.err


def test_a_file_with_both_sides_is_no_stack_of_one_side(tmp_path, cli):
    pages(tmp_path / "x" / "0.tif", sketch(1), photo(1))
    done = cli("data", "check", "x", *SLICES, "--set", "dataset.layout=pages")
    assert done.code == 3
    assert "a file with both sides, where dataset.pages=slices needs one for each" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("labels", [False, True])
def test_a_model_of_slices_translates_a_stack_to_a_stack(tmp_path, cli, labels):
    stacks(tmp_path / "x", labels=labels)
    more = ("--set", "dataset.labels=target", "--set", "dataset.classes=2") if labels else ()
    assert (done := cli("run", "pix2pix", "--dataset", "x", *SLICES, *more, *TINY, "--name", "r")).code == 0, done.err
    assert (done := cli("translate", "r", "x/A", "-o", "out", "--size", "native")).code == 0, done.err
    assert images.header(tmp_path / "out" / "2.tif").pages == DEPTH
    second = images.decode(tmp_path / "out" / "2.tif", page=1)
    assert second.shape == (*sketch(0).shape[:2], 1)
    assert not np.array_equal(second, images.decode(tmp_path / "out" / "2.tif", page=2))


def test_a_stack_is_written_as_a_tiff_alone(tmp_path):
    stack = np.arange(2 * 4 * 5 * 3, dtype=np.uint16).reshape(2, 4, 5, 3)
    save(tmp_path / "x.tif", stack)
    assert [images.decode(tmp_path / "x.tif", page=i).tolist() for i in (0, 1)] == stack.tolist()
    with pytest.raises(DataError, match="cannot hold a stack"):
        images.encode(tmp_path / "x.png", stack)
