"""Parts of downloads that were interrupted: who may take up what."""

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from http_server import Server, answer, plain

from imtrans.errors import DataError, DownloadError
from imtrans.net.download import RetryPolicy, download
from imtrans.net.file_lock import process_name, released_name
from imtrans.net.partial_download import note

BODY = random.Random(2).randbytes(1 << 21)
SHA = hashlib.sha256(BODY).hexdigest()
QUICK = RetryPolicy(tries=2, connect=2, stall=0.3, pause=0.01)
DONE = 700_000


@pytest.fixture
def left(tmp_path: Path) -> Callable[..., Path]:
    """Leaves a part of a download as a dead process would."""

    def leave(url: str, *, data: bytes = BODY[:DONE], version: str = '"1"', total: int = len(BODY)) -> Path:
        part = tmp_path / released_name("set.tar.gz", "part")
        part.write_bytes(data)
        note(part, url, version=version, total=total)
        return part

    return leave


def fetch(server: Server, folder: Path) -> None:
    """A download that must bring the body, and leave nothing else."""
    assert download(server.url(), folder / "set.tar.gz", retries=QUICK) == SHA
    assert [p.name for p in folder.iterdir()] == ["set.tar.gz"]
    assert (folder / "set.tar.gz").read_bytes() == BODY


def test_what_a_dead_process_left_is_taken_up_where_it_ends(tmp_path: Path, left: Callable) -> None:
    with Server(BODY) as server:
        part = left(server.url())
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            process.wait()
        dead = part.with_name(part.name.replace("~0~", f"~{process.pid}~"))
        part.rename(dead)
        part.with_name(f"{part.name}.json").rename(f"{dead}.json")
        fetch(server, tmp_path)
        assert server.asked[0]["Range"] == f"bytes={DONE}-"


@pytest.mark.slow
@pytest.mark.parametrize(
    "told", [{"version": '"0"'}, {"total": 5}, {"total": 0}, {"data": b""}, {"version": ""}], ids=str
)
def test_what_may_be_of_another_version_starts_over(tmp_path: Path, left: Callable, told: dict) -> None:
    with Server(BODY) as server:
        left(server.url(), **told)
        fetch(server, tmp_path)


def test_of_another_url_nothing_is_taken_up(tmp_path: Path, left: Callable) -> None:
    with Server(BODY) as server:
        left(server.url("other"))
        fetch(server, tmp_path)
        assert "Range" not in server.asked[0]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 1}'])
def test_a_part_of_which_nothing_can_be_read_starts_over(tmp_path: Path, left: Callable, text: str) -> None:
    with Server(BODY) as server:
        part = left(server.url())
        part.with_name(f"{part.name}.json").write_text(text)
        fetch(server, tmp_path)
        assert "Range" not in server.asked[0]


def test_a_part_that_was_whole_asks_for_its_last_byte_alone(tmp_path: Path, left: Callable) -> None:
    with Server(BODY) as server:
        left(server.url(), data=BODY)
        fetch(server, tmp_path)
        assert server.asked[0]["Range"] == f"bytes={len(BODY) - 1}-"


def test_bytes_that_are_not_the_files_are_found_out_by_the_hash(tmp_path: Path, left: Callable) -> None:
    with Server(BODY) as server:
        left(server.url(), data=b"x" * DONE)
        with pytest.raises(DataError, match=f"expected {SHA}"):
            download(server.url(), tmp_path / "set.tar.gz", sha256=SHA, retries=QUICK)
        assert list(tmp_path.iterdir()) == []
        fetch(server, tmp_path)


def test_the_part_of_a_living_process_is_never_taken_up(tmp_path: Path) -> None:
    with Server(BODY) as server:
        other = tmp_path / process_name("set.tar.gz", "part")  # this very process: another thread may work on it
        other.write_bytes(BODY[:DONE])
        note(other, server.url(), version='"1"', total=len(BODY))
        assert download(server.url(), tmp_path / "set.tar.gz", retries=QUICK) == SHA
        assert "Range" not in server.asked[0]
    assert other.stat().st_size == DONE


def test_after_a_fault_of_the_network_much_is_kept_and_little_is_not(tmp_path: Path) -> None:
    refusal = answer(404)
    with Server(BODY, plain(cut=(1 << 20) + 10), refusal, plain(cut=1000), refusal) as server:
        with pytest.raises(DownloadError, match="answers 404") as caught:
            download(server.url(), tmp_path / "set.tar.gz", retries=QUICK)
        assert caught.value.hint.startswith(
            "What has arrived (1.0 MB) is kept, and the same command resumes from there"
        )
        fetch_again = RetryPolicy(tries=1, connect=2, stall=0.3, pause=0.01)
        with pytest.raises(DownloadError):
            download(server.url("other"), tmp_path / "other", retries=fetch_again)
        assert not list(tmp_path.glob(".other*"))
        server.script.clear()
        fetch(server, tmp_path)
        assert server.asked[-1]["Range"] == f"bytes={(1 << 20) + 10}-"


def test_no_secret_of_the_url_is_written_beside_a_part(tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    note(part, "https://me:geheim@host/x?token=secret", version='"1"', total=3)
    text = (tmp_path / "x.part.json").read_text()
    assert "geheim" not in text
    assert "secret" not in text


def test_two_that_find_the_same_part_do_not_share_it(tmp_path: Path, left: Callable) -> None:
    from imtrans.net.partial_download import adopt

    part = left("http://x/")
    mine, theirs = (tmp_path / process_name("set.tar.gz", "part") for _ in range(2))
    assert adopt(mine, "http://x/", name="set.tar.gz")
    assert adopt(theirs, "http://x/", name="set.tar.gz") is None
    assert mine.read_bytes() == BODY[:DONE]
    assert not part.exists()
    assert sorted(os.listdir(tmp_path)) == sorted([mine.name, f"{mine.name}.json"])
