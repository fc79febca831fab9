"""Rows 14 and 22 of the faults: a fetch that is stopped or killed at any moment, and the one after it."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from http_server import Server, answer, plain, tarball

from imtrans import Archive, Component, DatasetInfo
from imtrans.engine.datasets.dataset_download import fetch_dataset
from imtrans.net.download import RetryPolicy

FILES = {f"set/train/{i}.png": random.Random(i).randbytes(20_000) for i in range(30)}
BODY = tarball(FILES)
QUICK = RetryPolicy(tries=3, connect=2, stall=5, pause=0.01)
FETCHES = """
import sys
from imtrans import Archive, Component, DatasetInfo
from imtrans.engine.datasets.dataset_download import fetch_dataset

archive = Archive(url=sys.argv[1], counts={"train": 30})
component = Component(kind="dataset", name="small", target="x:x", summary="", info=DatasetInfo(archive=archive))
print("begins", flush=True)
fetch_dataset(component)
print("is there", flush=True)
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache's folder of data sets."""
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


def killed(shelf: Path, *, pause: float, when: Callable[[], object]) -> str:
    """Kill a fetch once `when` has returned; the next one must succeed. Gives the Range that it asked for, if any."""
    with Server(BODY, plain(pause=pause)) as server:
        command = [sys.executable, "-c", FETCHES, server.url()]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "begins\n"
            when()
            process.send_signal(signal.SIGKILL)
        archive = Archive(url=server.url(), counts={"train": 30})
        info = DatasetInfo(archive=archive)
        fetched = fetch_dataset(
            Component(kind="dataset", name="small", target="x:x", summary="", info=info), retries=QUICK
        )
        ranges = [a.get("Range", "") for a in server.asked]
    found = {p.name: p.read_bytes() for p in (fetched.folder / "train").iterdir()}
    assert found == {Path(name).name: data for name, data in FILES.items()}
    assert sorted(os.listdir(shelf)) == ["small", "small.json"]
    return ranges[-1]


def size(path: Path) -> int:
    """The bytes of a file; 0 if it was renamed meanwhile, as what is written atomically is."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def has_begun(shelf: Path) -> None:
    wait_for(lambda: any(size(p) for p in shelf.glob(".*.part")))


def test_after_kill_9_in_the_middle_the_next_fetch_goes_on_there(shelf: Path) -> None:
    assert killed(shelf, pause=0.5, when=lambda: has_begun(shelf)).startswith("bytes=")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(100))
def test_after_kill_9_at_any_of_100_moments_the_next_fetch_succeeds(shelf: Path, number: int) -> None:
    killed(shelf, pause=0.005, when=lambda: time.sleep(number * 0.002))


DECLARES = """
from imtrans import Archive, Component, DatasetInfo, hookimpl

@hookimpl
def imtrans_provide():
    info = DatasetInfo(archive=Archive(url="{url}", counts={{"train": 30}}))
    yield Component(kind="dataset", name="small", target="x:x", summary="", info=info)
"""


@pytest.fixture
def declared(tmp_path: Path) -> Callable[[Server], tuple[str, ...]]:
    """The command that fetches the set from this server, declared by a plugin of one file."""

    def declare(server: Server) -> tuple[str, ...]:
        (tmp_path / "declares_a_small_set.py").write_text(DECLARES.format(url=server.url()))
        return ("-p", str(tmp_path / "declares_a_small_set.py"), "data", "fetch", "small")

    return declare


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_what_has_arrived_and_the_same_command_goes_on(
    shelf: Path, cli: Callable, declared: Callable, number: int, code: int
) -> None:
    with Server(BODY, plain(pause=0.5)) as server:
        command = declared(server)
        with subprocess.Popen(
            [sys.executable, "-m", "imtrans", *command], stderr=subprocess.PIPE, text=True
        ) as process:
            has_begun(shelf)
            process.send_signal(number)
            assert process.stderr
            said = process.stderr.read()
        assert process.returncode == code
        assert "Error" not in said, "it was stopped on purpose"
        assert "To resume from what has arrived: imtrans data fetch small" in said
        (part,) = shelf.glob(".*.part")
        have = part.stat().st_size
        assert 0 < have < len(BODY)
        ended = cli(*command)
        assert ended.code == 0, ended.err
        assert server.asked[-1]["Range"] == f"bytes={have}-"
    assert hashlib.sha256(BODY).hexdigest() in (shelf / "small.json").read_text()
    assert sorted(os.listdir(shelf)) == ["small", "small.json"]


@pytest.mark.slow
def test_a_network_that_goes_away_leaves_what_has_arrived(
    shelf: Path, cli: Callable, check_message: Callable, declared: Callable
) -> None:
    body = tarball({f"set/train/{i}.png": random.Random(i).randbytes(50_000) for i in range(30)})
    with Server(body, plain(cut=1_200_000), answer(404)) as server:
        command = declared(server)
        ended = cli(*command)
        assert ended.code == 6
        message = ended.err[ended.err.index("Error: ") :]
        check_message(message)
        assert "What has arrived (1.2 MB) is kept, and the same command resumes from there.\n" in message
        assert "imtrans data fetch small --archive FILE" in message
        ended = cli(*command)
        assert ended.code == 0, ended.err
        assert server.asked[-1]["Range"] == "bytes=1200000-"


def wait_for(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)
