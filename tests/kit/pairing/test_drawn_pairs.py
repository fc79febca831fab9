"""Files that stay open, and samples that are drawn from them."""

import os
from pathlib import Path

from imtrans.interfaces import Pair
from imtrans.kit.pairing.drawn_pairs import DrawnPairs, OpenFiles
from imtrans.kit.pairing.sides import SidePair


class Opened:
    def __init__(self, path):
        self.path, self.is_open = path, True

    def close(self):
        self.is_open = False


def test_the_file_that_was_used_longest_ago_is_closed_first():
    files = OpenFiles(Opened, most=2)
    a, b = files[Path("a")], files[Path("b")]
    assert files[Path("a")] is a
    c = files[Path("c")]
    assert [a.is_open, b.is_open, c.is_open] == [True, False, True]
    assert files[Path("b")] is not b


def test_a_process_opens_its_own(monkeypatch):
    files = OpenFiles(Opened, most=2)
    before = files[Path("a")]
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert files[Path("a")] is not before
    assert before.is_open  # it is the other process's


class Numbers(DrawnPairs):
    def drawn(self, index, number):
        return Pair(source=number, target=index, key=self.key(index))


def test_a_sample_outside_of_training_follows_from_its_key_alone():
    pairs = [SidePair(name, Path(name, "a"), Path(name, "b")) for name in ("x", "y")]
    data, other = Numbers(pairs, each=3), Numbers(pairs[1:], each=3)
    assert len(data) == 6
    assert [data.key(i) for i in range(6)] == ["x@0", "x@1", "x@2", "y@0", "y@1", "y@2"]
    assert data.files(4) == (Path("y", "a"), Path("y", "b"))
    assert [data[3 + i].source for i in range(3)] == [other[i].source for i in range(3)]
    assert len({data[i].source for i in range(6)}) == 6
