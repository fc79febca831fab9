"""Sets from archives that a person has, sets that are no pictures, and what a login keeps."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from http_server import Server, tarball

from imtrans import Archive, Component, DatasetInfo
from imtrans.cli.data.group import report_verification
from imtrans.engine.datasets.dataset_download import fetch_dataset
from imtrans.errors import DataError


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache's folder of data sets."""
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


def declared(archive: Archive) -> Component:
    return Component(kind="dataset", name="small", target="x:x", summary="", info=DatasetInfo(archive=archive))


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    return out.getvalue()


RECORDS = {"x/a_1.bin": bytes(10), "x/a_2.bin": bytes(5), "x/b.bin": bytes(5), "x/run.sh": b"", "x/readme.txt": b""}
PLACES = {"train": "a_*.bin", "test": "b.bin"}


def test_records_are_counted_where_the_declaration_says(shelf: Path) -> None:
    archive = Archive(counts={"train": 3, "test": 1}, split_globs=PLACES, record_bytes=5, suffixes=(".bin",))
    with Server(tarball(RECORDS)) as server:
        fetched = fetch_dataset(declared(archive), url=server.url())
    assert names(fetched.folder) == ["a_1.bin", "a_2.bin", "b.bin", "readme.txt"]


def test_records_that_are_too_few_and_files_nobody_asked_for_are_refused(shelf: Path) -> None:
    wanted = Archive(counts={"train": 4, "test": 1}, split_globs=PLACES, record_bytes=5, suffixes=(".bin",))
    undeclared = Archive(counts={"train": 3, "test": 1}, split_globs=PLACES, record_bytes=5)
    for archive, told in ((wanted, "train 3, test 1"), (undeclared, "train 0, test 0")):
        with Server(tarball(RECORDS)) as server, pytest.raises(DataError, match=f"holds {told} pictures, not train"):
            fetch_dataset(declared(archive), url=server.url())
        assert names(shelf) == []


def test_a_folder_of_another_name_is_counted_and_kept_under_it(shelf: Path) -> None:
    files = {"s/train_sample/1.png": b"", "s/train_sample/2.png": b"", "s/annotations/a.json": b""}
    archive = Archive(counts={"train": 2}, split_globs={"train": "train_sample"})
    with Server(tarball(files)) as server:
        assert names(fetch_dataset(declared(archive), url=server.url()).folder) == ["annotations", "train_sample"]


def test_a23_the_declared_size_and_a_tenth_may_come_out(shelf: Path) -> None:
    body = tarball({"train/1.png": bytes(5 << 20)})
    with Server(body) as server:
        with pytest.raises(DataError, match="bytes come out of it"):
            fetch_dataset(declared(Archive(counts={"train": 1}, unpacked=1 << 20)), url=server.url())
        assert names(shelf) == []
        assert fetch_dataset(declared(Archive(counts={"train": 1}, unpacked=5 << 20)), url=server.url()).is_new


DECLARES = """
from imtrans import Archive, Component, DatasetInfo, hookimpl

@hookimpl
def imtrans_provide():
    archive = Archive(url="http://127.0.0.1/none.zip", size=9, counts={"train": 2})
    info = DatasetInfo(archive=archive, terms="for tests")
    yield Component(kind="dataset", name="small", target="x:x", summary="", info=info)
"""


def test_an_archive_that_a_person_has_is_taken_and_kept(
    cli: Callable, plugin_dist: Callable, tmp_path: Path, shelf: Path
) -> None:
    plugin_dist("small-set", small_set=DECLARES)
    body = tarball({"train/1.png": b"1", "train/2.png": b"2"})
    (tmp_path / "mine.tar.gz").write_bytes(body)
    first = cli("data", "fetch", "small", "--archive", "mine.tar.gz")
    assert (first.code, first.out) == (0, f"small is in {shelf / 'small'}\n"), first.err
    assert "small (train 2) from mine.tar.gz\nTerms: for tests\n" in first.err
    assert cli("data", "fetch", "small", "--archive", "mine.tar.gz").out.startswith("small is already there")
    assert (tmp_path / "mine.tar.gz").read_bytes() == body
    record = json.loads((shelf / "small.json").read_text())
    assert (record["archive"], record["sha256"]) == ("mine.tar.gz", hashlib.sha256(body).hexdigest())
    assert names(shelf) == ["small", "small.json"]


def test_an_archive_of_something_else_is_refused_and_kept(cli: Callable, tmp_path: Path, shelf: Path) -> None:
    (tmp_path / "other.zip").write_bytes(zipped({"train/1.png": b""}))
    ended = cli("data", "fetch", "facades", "--archive", "other.zip")
    assert (ended.code, ended.out) == (3, "")
    assert "its archive holds train 1, val 0, test 0 pictures, not train 400" in ended.err
    (tmp_path / "bad.zip").write_bytes(zipped({"../train/1.png": b""}))
    ended = cli("data", "fetch", "facades", "--archive", "bad.zip")
    assert (ended.code, "leads out of its folder" in ended.err) == (3, True)
    assert names(shelf) == []
    assert names(tmp_path) == ["bad.zip", "home", "other.zip"]


def test_an_archive_that_is_not_there_is_told(refused: Callable) -> None:
    assert "--archive no.zip: no such file" in refused("data", "fetch", "facades", "--archive", "no.zip", code=3)


def test_an_archive_and_a_url_exclude_each_other(refused: Callable) -> None:
    said = refused("data", "fetch", "facades", "--archive", "a.zip", "--url", "http://127.0.0.1/x")
    assert "--url and --archive: give one of them, not both" in said


def test_two_archives_are_refused_where_one_is_enough(cli: Callable, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        (tmp_path / name).write_bytes(zipped({"train/1.png": b""}))
    ended = cli("data", "fetch", "facades", "--archive", "a.zip", "--archive", "b.zip")
    assert (ended.code, "is made from one archive, not from a.zip, b.zip" in ended.err) == (2, True)


def test_a13_a_run_on_what_a_login_keeps_is_refused(refused: Callable) -> None:
    assert "cannot be downloaded: https://www.kaggle.com/" in refused("run", "pix2pix", "--dataset", "anime", code=3)


def test_a13_behind_a_login_the_page_and_the_next_command_are_told(refused: Callable, shelf: Path) -> None:
    said = refused("data", "fetch", "anime", code=3)
    page = "https://www.kaggle.com/datasets/ktaebum/anime-sketch-colorization-pair"
    assert f"data set 'anime' cannot be downloaded: {page} asks for a login\n" in said
    assert "in a browser, then: imtrans data fetch anime --archive FILE\n" in said
    assert f"Put its pictures into {shelf / 'anime'}/train and " in said


def test_a_kaggle_zip_has_its_splits_found_beside_other_things(shelf: Path, tmp_path: Path) -> None:
    pictures = {f"data/{split}/{i}.png": b"" for split, n in (("train", 2), ("val", 1)) for i in range(n)}
    (tmp_path / "archive.zip").write_bytes(zipped({"colorgram/colorgram/1.json": b"{}", **pictures}))
    archive = Archive(site="https://example.org", counts={"train": 2, "val": 1})
    fetched = fetch_dataset(declared(archive), archives=[tmp_path / "archive.zip"])
    assert names(fetched.folder) == ["train", "val"]


@pytest.mark.parametrize("is_it", [True, False])
def test_a_pinned_archive_is_told_apart_from_another(shelf: Path, tmp_path: Path, capsys, is_it: bool) -> None:
    body = zipped({"train/1.png": b""})
    (tmp_path / "a.zip").write_bytes(body)
    sha256 = hashlib.sha256(body).hexdigest() if is_it else "0" * 64
    pinned = Archive(url="http://127.0.0.1/", sha256=sha256, counts={"train": 1})
    fetched = fetch_dataset(declared(pinned), archives=[tmp_path / "a.zip"])
    assert fetched.is_verified == is_it
    report_verification("small", fetched)
    said = capsys.readouterr().err
    assert said == "" if is_it else f"unverified, its sha256 is not the pinned {'0' * 64}; " in said


def test_all_is_in_the_list_for_machines_and_for_people(cli: Callable, catalog) -> None:
    rows = {r["name"]: r for r in json.loads(cli("data", "list", "--json").out)}
    text = cli("data", "list").out
    for name, row in rows.items():
        info = catalog.component("dataset", name).info
        assert row["counts"] == dict(info.archive.counts)
        assert row["terms"]
        assert row["url"] or row["site"]
        assert f"{name}: {row['summary']}\n" in text
        assert row["advice"]["train.epochs"] == info.advice["train.epochs"]
    assert (rows["facades"]["source"], rows["facades"]["target"]) == ("labels", "photo")
    assert (rows["maps"]["source"], rows["maps"]["pixels"]) == ("aerial photo", [600, 600])
    assert rows["edges2handbags"]["bytes"] == 0
    assert "about 8.6 GB" in text
    assert max(map(len, text.splitlines())) <= 92
