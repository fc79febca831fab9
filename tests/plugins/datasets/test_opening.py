"""What opening a known folder costs, and that a start notices what has changed in it."""

import json
import os
import time

import pytest
from drawn_scenes import photo, save
from factories import config, plugins

from imtrans.engine.build import ComponentFactory
from imtrans.engine.data.pair_loader import open_split, open_training
from imtrans.errors import DataError
from imtrans.kit.images import header_cache
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans_datasets.pairing.evidence import itself
from imtrans_datasets.pairing.file_index import Item


def pairs(top, count=6):
    for i in range(count):
        save(top / "A" / f"{i}.png", photo(i))
        save(top / "B" / f"{i}.png", photo(100 + i))
    return top


def of(top):
    return config({"data.size": "32"}, dataset=ComponentRef("folder", {"path": str(top)}))


def cache_file(home):
    (found,) = (path for path in (home / "headers").iterdir() if "/A/" in path.read_text())
    return found


def test_the_training_split_of_a_known_folder_is_listed_once_and_its_headers_read_once(tmp_path, monkeypatch):
    factory = ComponentFactory(Catalog(plugins().records))
    first = open_training(of(pairs(tmp_path)), factory)
    assert first.plain.source.built is first.loader.source.built
    assert first.plain.size != first.loader.size  # jitter asks for more
    listed, asked, scandir = [], [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(str(path)) or scandir(path))
    read = header_cache._read
    monkeypatch.setattr(header_cache, "_read", lambda path: asked.append(path) or read(path))
    second = open_training(of(tmp_path), factory)
    assert sorted(listed) == [str(tmp_path / side) + "/" for side in "AB"]
    assert len(asked) == 2
    assert len(second.loader.source.dataset) == len(first.loader.source.dataset)


def test_files_added_changed_and_removed_between_two_starts_are_noticed(tmp_path):
    def found():
        return [len(open_split(of(tmp_path), s).source.dataset) for s in ("train", "val")]

    before = sum(found()) if pairs(tmp_path) else 0
    save(tmp_path / "A" / "new.png", photo(50))
    save(tmp_path / "B" / "new.png", photo(51))
    assert sum(found()) == before + 1
    (tmp_path / "A" / "new.png").unlink()
    with pytest.raises(DataError, match=r"1 pictures have no partner: new \(only in B\)"):
        found()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tree: tree["files"].update({key: [*value[:2], 99] for key, value in tree["files"].items()}),
        lambda tree: tree["files"].update({key: value[:2] for key, value in tree["files"].items()}),
        lambda tree: tree["headers"][0].pop(),
        lambda tree: tree.pop("headers"),
        lambda tree: tree.update(files=[1]),
        lambda tree: tree.update(fields=["format"]),
    ],
)
def test_a_cache_of_headers_that_is_not_whole_is_read_anew(spoil, tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    paths = [str(path) for path in sorted((pairs(tmp_path / "x") / "A").iterdir())]
    right = header_cache.headers(paths)
    again = header_cache.headers(paths)
    assert again == right
    assert len({*map(id, again)}) == 1  # equal headers are one object
    cache = cache_file(tmp_path / "home")
    tree = json.loads(cache.read_text())
    assert len(tree["headers"]) == 1
    spoil(tree)
    cache.write_text(json.dumps(tree))
    assert header_cache.headers(paths) == right
    assert len(json.loads(cache.read_text())["files"]) == len(paths)


def test_a_known_header_counts_only_while_size_and_time_are_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    file = pairs(tmp_path / "x", 1) / "A" / "0.png"
    (whole,) = header_cache.headers([str(file)])
    assert whole.has_end
    stat = file.stat()
    file.write_bytes(file.read_bytes()[:-20].ljust(stat.st_size, b"\0"))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert not header_cache.headers([str(file)])[0].has_end
    file.unlink()
    assert header_cache.headers([str(file)], until=time.monotonic()) == [None]


def test_a_pair_of_one_file_is_told_through_links_and_two_names_of_one_file_are_not(tmp_path):
    for name in ("one.png", "two.png"):
        save(tmp_path / name, photo(0))
    (tmp_path / "link.png").symlink_to("one.png")
    (tmp_path / "other.png").symlink_to("link.png")
    (tmp_path / "hard.png").hardlink_to(tmp_path / "one.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "loop.png").symlink_to("loop.png")

    def is_one(first, second):
        return bool([*itself([Item("k", (str(tmp_path / first), str(tmp_path / second)))])])

    assert is_one("one.png", "one.png")
    assert is_one("link.png", "one.png")
    assert is_one("other.png", "link.png")
    assert is_one("gone.png", "nowhere.png")
    assert is_one("loop.png", "loop.png")
    assert not is_one("one.png", "two.png")
    assert not is_one("one.png", "hard.png")
    assert not is_one("one.png", "nowhere.png")
