"""Named data sets fetched from a server of the test's own (section 2C of the faults, A01-A28, as a user meets them)."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from http_server import Server, answer, facades, nobody, packed, plain, plain_member, slowly, tarball

from imtrans import Archive, Component, DatasetInfo
from imtrans.engine.datasets import dataset_download
from imtrans.engine.datasets.dataset_download import ProgressCallbacks, fetch_dataset
from imtrans.errors import DataError, DownloadError, ResourceError
from imtrans.interfaces import DatasetContext
from imtrans.net.download import RetryPolicy
from imtrans.net.file_lock import file_lock, process_name

FACADES = tarball(dict(facades()))
SHA = hashlib.sha256(FACADES).hexdigest()
QUICK = RetryPolicy(tries=3, connect=2, stall=0.3, pause=0.01)
SMALL = tarball({"set/train/1.png": b"1", "set/train/2.png": b"2", "set/val/1.png": b"3"})


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache's folder of data sets."""
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


def declared(url: str, *, sha256: str = "", size: int = 0, **counts: int) -> Component:
    archive = Archive(url=url, sha256=sha256, size=size, counts=counts or {"train": 2, "val": 1})
    info = DatasetInfo(archive=archive, terms="for tests")
    return Component(kind="dataset", name="small", target="none:none", summary="", info=info)


@pytest.fixture
def refused_in_full(cli: Callable, check_message: Callable, shelf: Path) -> Callable[..., str]:
    """Runs a fetch that must be refused after its terms were shown; gives the message. Nothing may be left."""

    def call(*arguments: str, code: int) -> str:
        ended = cli(*arguments)
        before, _, message = ended.err.partition("Error: ")
        assert "Terms: " in before
        check_message(f"Error: {message}")
        assert (ended.code, ended.out) == (code, ""), ended.err
        assert names(shelf) == []
        return message

    return call


def dead_process() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


@pytest.mark.slow
def test_a_set_is_fetched_counted_recorded_and_found_again(cli: Callable, shelf: Path) -> None:
    with Server(FACADES) as server:
        url = server.url("facades.tar.gz?token=secret")
        first = cli("data", "fetch", "facades", "--url", url)
        again = cli("data", "fetch", "facades", "--url", url)
    assert (first.code, again.code) == (0, 0), first.err
    assert first.out == f"facades is in {shelf / 'facades'}\n"
    assert "Terms: CMP Facade Database, for research\n" in first.err
    assert "facades: downloading 0.0 MB\n" in first.err
    assert f"unverified, no sha256 is pinned for it; {SHA}" in first.err
    assert again.out == f"facades is already there: {shelf / 'facades'}\n"
    assert again.err == ""
    assert len(server.asked) == 1
    assert names(shelf) == ["facades", "facades.json"]
    assert names(shelf / "facades") == ["test", "train", "val"]
    record = json.loads((shelf / "facades.json").read_text())
    assert (record["sha256"], record["verified"], record["files"]) == (SHA, False, 606)
    assert "secret" not in first.err + first.out + (shelf / "facades.json").read_text()
    assert cli("data", "path", "facades").out == f"{shelf / 'facades'}\n"
    listed = {r["name"]: r for r in json.loads(cli("data", "list", "--json").out)}
    assert (listed["facades"]["folder"], listed["facades"]["sha256"]) == (str(shelf / "facades"), SHA)
    assert listed["maps"]["folder"] is None
    told = cli("data", "list").out
    assert "train 400, val 100, test 106; 30.2 MB\n" in told
    assert f"  here: {shelf / 'facades'}\n" in told


def test_what_is_not_there_has_no_path(refused: Callable) -> None:
    said = refused("data", "path", "facades", code=3)
    assert "data set 'facades'" in said
    assert "Fetch it: imtrans data fetch facades\nPut its pictures into " in said


def test_an_unknown_set_and_a_wrong_flag_are_told(refused: Callable, cli: Callable) -> None:
    assert "did you mean 'facades'?" in refused("data", "fetch", "facade")
    assert "See: imtrans data fetch --help" in cli("data", "fetch", "--nothing").err


def test_a01_nobody_there_is_told_and_leaves_nothing(shelf: Path) -> None:
    with pytest.raises(DownloadError, match=r"host '127.0.0.1' cannot be reached \(offline\? Connection") as caught:
        fetch_dataset(declared(f"http://127.0.0.1:{nobody()}/f.tar.gz"), retries=QUICK)
    assert "--data-root" in caught.value.hint
    assert caught.value.exit_code == 6
    assert names(shelf) == []


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a02_a_missing_archive_is_told_by_the_command(refused_in_full: Callable, status: int) -> None:
    with Server(b"", answer(status)) as server:
        assert f"answers {status}" in refused_in_full("data", "fetch", "facades", "--url", server.url(), code=6)


def test_a03_to_a06_a_bad_line_brings_the_right_set_all_the_same(shelf: Path) -> None:
    script = (answer(503, Retry_After="0"), plain(cut=10), plain(cut=100), plain(length=-1))
    with Server(SMALL, *script) as server:
        fetch_dataset(declared(server.url()), retries=RetryPolicy(pause=0.01))
    assert names(shelf) == ["small", "small.json"]


def test_a07_a_login_page_is_told_by_the_command(refused_in_full: Callable) -> None:
    with Server(b"", answer(200, b"<html>", Content_Type="text/html")) as server:
        said = refused_in_full("data", "fetch", "facades", "--url", server.url(), code=3)
    assert "got text/html, expected an archive" in said


def test_a08_a_pinned_hash_is_asked_of_what_arrives(shelf: Path) -> None:
    with Server(SMALL) as server:
        with pytest.raises(DataError, match=f"expected {'0' * 64}"):
            fetch_dataset(declared(server.url(), sha256="0" * 64), retries=QUICK)
        assert names(shelf) == []
        good = hashlib.sha256(SMALL).hexdigest()
        assert fetch_dataset(declared(server.url(), sha256=good, size=len(SMALL)), retries=QUICK).is_verified


def test_a08_the_hash_of_the_first_time_is_asked_the_next_time(shelf: Path) -> None:
    import shutil

    with Server(SMALL) as server:
        fetch_dataset(declared(server.url()), retries=QUICK)
        shutil.rmtree(shelf / "small")
        server.body = tarball({"set/train/1.png": b"X", "set/train/2.png": b"2", "set/val/1.png": b"3"})
        with pytest.raises(DataError) as caught:
            fetch_dataset(declared(server.url()), retries=QUICK)
    assert hashlib.sha256(SMALL).hexdigest() in caught.value.what
    assert hashlib.sha256(server.body).hexdigest() in caught.value.what
    assert f"delete {shelf / 'small.json'} and fetch it again" in caught.value.hint
    assert names(shelf) == ["small.json"]


def test_a11_a_redirect_to_a_file_brings_nothing(refused_in_full: Callable) -> None:
    with Server(b"", answer(302, Location="file:///etc/hostname")) as server:
        said = refused_in_full("data", "fetch", "facades", "--url", server.url(), code=6)
    assert "which is not followed" in said


def test_a13_a_set_that_cannot_be_downloaded_says_what_to_do(refused: Callable, shelf: Path) -> None:
    said = refused("data", "fetch", "toy", code=3)
    assert "data set 'toy' cannot be downloaded" in said
    assert f"Put its pictures into {shelf / 'toy'}/train" in said
    behind = Component(
        kind="dataset", name="x", target="x:x", summary="", info=DatasetInfo(terms="login at https://example.org")
    )
    with pytest.raises(DataError, match=r"'x' cannot be downloaded \(login at https://example.org\)"):
        fetch_dataset(behind)


@pytest.mark.slow
@pytest.mark.parametrize("has_locks", [True, False])
def test_a16_a17_two_at_once_make_one_copy_with_locks_and_without(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, has_locks: bool
) -> None:
    if not has_locks:
        monkeypatch.setattr(dataset_download, "file_lock", lambda _: contextlib.nullcontext(lambda: None))
    results: list[object] = []

    def one() -> None:
        try:
            results.append(fetch_dataset(declared(server.url(), train=200), retries=QUICK))
        except BaseException as error:  # noqa: BLE001 - told below
            results.append(error)

    body = tarball({f"train/{i}.png": os.urandom(50) for i in range(200)})
    with Server(body, *(slowly(0.1) for _ in range(4))) as server:
        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [type(r).__name__ for r in results] == ["Fetched"] * 4, results
    assert len(server.asked) == (1 if has_locks else 4)
    assert names(shelf) == ["small", "small.json"]
    assert len(names(shelf / "small" / "train")) == 200


@pytest.mark.slow
def test_a16_two_processes_at_once_both_succeed(tmp_path: Path, shelf: Path) -> None:
    with Server(FACADES, slowly(0.5)) as server:
        command = [sys.executable, "-m", "imtrans", "data", "fetch", "facades", "--url", server.url()]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        told = [process.communicate(timeout=60) for process in both]
    assert [p.returncode for p in both] == [0, 0], told
    assert sorted(out.split()[1] for out, _ in told) == ["is", "is"]
    assert sum("already there" in out for out, _ in told) == 1
    assert len(server.asked) == 1
    assert names(shelf) == ["facades", "facades.json"]


@pytest.mark.parametrize("text", ["{}", "", '{"host": 3', None])
def test_a18_the_lock_of_a_dead_process_is_taken_over(shelf: Path, text: str | None) -> None:
    shelf.mkdir(parents=True)
    lock = shelf / ".small.lock"
    if text is None:
        host, pid = process_name("x", "tmp").split(".")[2].split("~")[0], dead_process()
        lock.write_text(json.dumps({"host": host, "pid": pid}))
    else:
        lock.write_text(text)
        os.utime(lock, (0, 0))
    with Server(SMALL) as server:
        fetch_dataset(declared(server.url()), retries=QUICK)
    assert names(shelf) == ["small", "small.json"]


def test_a18_a_lock_without_a_sign_of_life_is_taken_over_and_signs_keep_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with file_lock(lock) as sign:
        os.utime(lock, (time.time() - 250,) * 2)
        sign()
        assert time.time() - lock.stat().st_mtime < 5
        os.utime(lock, (time.time() - 400,) * 2)
        with file_lock(lock, poll=0.01):
            pass
    assert names(tmp_path) == []


def test_a18_what_dead_processes_left_is_swept_and_what_others_do_is_not(shelf: Path) -> None:
    shelf.mkdir(parents=True)
    mine = process_name("small", "tmp")
    host = mine.split(".")[2].split("~")[0]
    dead = f".small.{host}~{dead_process()}~00000000"
    for name in (f"{dead}.tmp", f".{dead}.tmp.{host}~{dead_process()}~00000000.tmp"):
        (shelf / name).mkdir()
        (shelf / name / "half.png").touch()
    (shelf / f".{dead}.part".replace("small", "small.1234.tar.gz")).touch()
    kept = [mine, ".small.elsewhere~1~00000000.tmp", ".smaller.x~1~00000000.tmp", "mine.txt"]
    for name in kept:
        (shelf / name).mkdir()
    with Server(SMALL) as server:
        fetch_dataset(declared(server.url()), retries=QUICK)
    assert names(shelf) == sorted([*kept, "small", "small.json"])


KILLED = """
import sys
from imtrans import Archive, Component, DatasetInfo
from imtrans.engine.datasets.dataset_download import ProgressCallbacks, fetch_dataset

archive = Archive(url=sys.argv[1], counts={"train": 1000})
component = Component(kind="dataset", name="small", target="x:x", summary="", info=DatasetInfo(archive=archive))
fetch_dataset(component, listeners=ProgressCallbacks(say=lambda text: print(text, flush=True)))
"""


@pytest.mark.slow
def test_a19_kill_9_while_unpacking_and_the_next_call_succeeds_from_the_same_archive(shelf: Path) -> None:
    body = tarball({f"set/train/{i}.png": b"%d" % i for i in range(1000)})
    with Server(body) as server:
        for wait in (0.0, 0.1):
            process = subprocess.Popen([sys.executable, "-c", KILLED, server.url()], stdout=subprocess.PIPE, text=True)
            with process:
                assert process.stdout
                while "unpacking" not in process.stdout.readline():
                    assert process.poll() is None
                time.sleep(wait)
                process.send_signal(signal.SIGKILL)
            assert not (shelf / "small").exists()
            assert [n for n in names(shelf) if n.endswith(".tmp")] or not wait
        fetched = fetch_dataset(declared(server.url(), train=1000), retries=QUICK)
        assert len(server.asked) == 1, "the archive that was there whole is not fetched anew"
    assert fetched.is_new
    assert names(shelf) == ["small", "small.json"]
    assert len(names(shelf / "small" / "train")) == 1000


HOSTILE = {
    "a20": (packed([(plain_member("../../x.png"), b"x")]), "leads out of its folder"),
    "a21": (packed([(plain_member("x.png", b"2", linkname="/etc/passwd"), b"")]), "is a symbolic link"),
    "a22": (packed([(plain_member("x.png", b"6"), b"")]), "is a pipe"),
    "a23": (tarball({"train/x.png": bytes(100 << 20)}), "bytes come out of it"),
    "a24": (tarball({"d/" * 65 + "x.png": b""}), "levels deep"),
    "a25": (tarball({"x.png": b"", "X.png": b""}), "in case or accents alone"),
    "a27": (SMALL[:-20], "is broken or cut short"),
    "a27 no archive": (b"nothing", "is no tar, tar.gz or zip"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("body", "fault"), HOSTILE.values(), ids=HOSTILE)
def test_a20_to_a27_a_hostile_archive_leaves_nothing(shelf: Path, tmp_path: Path, body: bytes, fault: str) -> None:
    with Server(body) as server, pytest.raises(DataError, match=fault):
        fetch_dataset(declared(server.url()), retries=QUICK)
    assert names(shelf) == []
    assert names(tmp_path) == ["home"]


def test_a28_what_was_left_out_is_told(shelf: Path) -> None:
    said: list[str] = []
    files = {"train/1.png": b"", "train/2.png": b"", "val/1.png": b"", "run.sh": b"", "a.py": b"", "b.py": b""}
    with Server(tarball(files)) as server:
        fetch_dataset(declared(server.url()), listeners=ProgressCallbacks(say=said.append), retries=QUICK)
    assert said[-1] == "small: left out 2 .py, 1 .sh"
    assert names(shelf / "small") == ["train", "val"]


def test_a_cache_that_cannot_be_written_is_told(shelf: Path) -> None:
    shelf.parent.mkdir()
    shelf.write_text("in the way")
    with pytest.raises(ResourceError, match="datasets: cannot be written: File exists") as caught:
        fetch_dataset(declared("http://127.0.0.1/"))
    assert "IMTRANS_HOME" in caught.value.hint


@pytest.mark.slow
def test_on_a_terminal_the_progress_is_a_bar(tmp_path: Path, shelf: Path) -> None:
    master, slave = os.openpty()
    with Server(FACADES, slowly(0.6)) as server:
        command = [sys.executable, "-m", "imtrans", "data", "fetch", "facades", "--url", server.url()]
        with subprocess.Popen(
            command, stderr=slave, stdout=subprocess.PIPE, env={**os.environ, "TERM": "xterm"}
        ) as one:
            os.close(slave)
            shown = b""
            with contextlib.suppress(OSError):  # Linux: the other end has closed
                while data := os.read(master, 4096):
                    shown += data
            assert one.stdout
            assert one.stdout.read().decode() == f"facades is in {shelf / 'facades'}\n"
    os.close(master)
    assert one.returncode == 0
    assert "Terms: CMP Facade Database" in shown.decode()
    assert "\u2501" in shown.decode()


def test_wrong_counts_are_named_and_leave_nothing(shelf: Path) -> None:
    with Server(SMALL) as server, pytest.raises(DataError, match="holds train 2, val 1 pictures, not train 3, val 1"):
        fetch_dataset(declared(server.url(), train=3, val=1), retries=QUICK)
    assert names(shelf) == []


def test_two_folders_of_a_split_count_as_pairs(shelf: Path) -> None:
    files = {f"x/y/{s}/{side}/{i}.png": b"" for s, n in (("train", 2), ("val", 1)) for side in "AB" for i in range(n)}
    with Server(tarball(files)) as server:
        assert names(fetch_dataset(declared(server.url()), retries=QUICK).folder) == ["train", "val"]


def test_a_network_fault_leaves_nothing(shelf: Path) -> None:
    with Server(SMALL, *(plain(cut=5, tag="") for _ in range(3))) as server, pytest.raises(DownloadError):
        fetch_dataset(declared(server.url()), retries=QUICK)
    assert names(shelf) == []


@pytest.mark.parametrize("name", ["facades", "cityscapes", "maps", "edges2shoes", "edges2handbags", "night2day"])
def test_every_named_set_has_its_archive_terms_and_target(catalog, name: str) -> None:
    import imtrans_datasets.named

    component = catalog.component("dataset", name)
    archive = component.info.archive
    assert archive.url == f"http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/{name}.tar.gz"
    assert archive.counts["train"] > 0
    assert component.info.terms
    assert getattr(imtrans_datasets.named, name)


@pytest.mark.parametrize("place", ["root", "cache"])
def test_a_named_set_is_looked_for_under_the_root_then_in_the_cache(
    catalog, shelf: Path, tmp_path: Path, place: str
) -> None:
    from imtrans_datasets.named import night2day

    def nothing(*_: object) -> None:
        raise AssertionError

    made = (tmp_path / "root" if place == "root" else shelf) / "night2day" / "train"
    made.mkdir(parents=True)
    (tmp_path / "root" / "facades").mkdir(parents=True)
    with pytest.raises(DataError, match=f"0 pictures in {made}"):
        night2day(root=str(tmp_path / "root"), context=DatasetContext(make=nothing))
    made.rmdir()
    with pytest.raises(DataError) as caught:
        night2day(root=str(tmp_path / "root"), context=DatasetContext(make=nothing))
    assert f"{tmp_path / 'root' / 'night2day'} and {shelf / 'night2day'} are not there" in caught.value.what
    assert caught.value.hint.startswith("Fetch it: imtrans data fetch night2day\nPut its pictures into ")


def test_the_advice_is_that_of_the_papers_table(catalog) -> None:
    told = {n: catalog.component("dataset", n).info.advice for n in ("edges2shoes", "edges2handbags", "night2day")}
    for name, (epochs, jitter, mirror) in {
        "edges2shoes": (15, 1.0, 0.0),
        "edges2handbags": (15, 1.0, 0.0),
        "night2day": (17, 286 / 256, 0.5),
    }.items():
        assert (told[name]["train.epochs"], told[name]["data.batch_size"]) == (epochs, 4)
        assert told[name]["augment.kornia-jitter.scale"] == jitter
        assert told[name]["augment.kornia-flip.probability"] == mirror


def test_run_offline_refuses_a_missing_set_with_the_steps(refused: Callable, shelf: Path) -> None:
    said = refused("run", "pix2pix", "--dataset", "facades", "--offline", code=3)
    assert "data set 'facades'" in said
    assert "--offline fetches nothing\nWhere there is a network: imtrans data fetch facades\n" in said
    assert f"Put its pictures into {shelf / 'facades'}/train" in said


def test_a_data_root_without_the_set_is_said_and_nothing_is_fetched(refused: Callable, tmp_path: Path) -> None:
    """A misspelt folder must not start a download of a set that lies elsewhere on the disk."""
    said = refused("run", "pix2pix", "--dataset", "facades", "--data-root", str(tmp_path), code=3)
    assert f"data set 'facades': {tmp_path / 'facades'} and " in said
    assert f"Put its pictures into {tmp_path / 'facades'}/train" in said


def test_run_fetches_a_missing_set_first_and_once(cli: Callable, plugin_dist: Callable, shelf: Path) -> None:
    with Server(SMALL) as server:
        plugin_dist("small-set", small_set=DECLARES.format(url=server.url()), small_set_load=LOADS)
        ended = [cli("run", "pix2pix", "--dataset", "small") for _ in range(2)]
    for one in ended:
        assert (one.code, one.out) == (3, "")
        assert f"Error: reached with {shelf / 'small'}" in one.err
    assert "small (train 2, val 1) from http://127.0.0.1" in ended[0].err
    assert "Terms: for tests" in ended[0].err
    assert "unverified" in ended[0].err
    assert "Terms" not in ended[1].err
    assert len(server.asked) == 1


DECLARES = """
from imtrans import Archive, Component, DatasetInfo, hookimpl

@hookimpl
def imtrans_provide():
    archive = Archive(url="{url}", counts={{"train": 2, "val": 1}})
    info = DatasetInfo(archive=archive, terms="for tests")
    yield Component(kind="dataset", name="small", target="small_set_load:load", summary="", info=info,
                    needs_context=True)
"""
LOADS = """
from imtrans.errors import DataError
from imtrans.kit.dataset_paths import present

def load(*, context):
    raise DataError(f"reached with {present('small')}", hint="Well done.")
"""
