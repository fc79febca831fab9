"""Downloads against a server that misbehaves (section 2C of the faults, A01-A15)."""

import hashlib
import os
import random
import resource
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest
from http_server import CERTIFICATE, Server, answer, liar, nobody, plain, stall

from imtrans.errors import ConfigError, DataError, DownloadError, ImtransError, ResourceError
from imtrans.net.download import RetryPolicy, download
from imtrans.net.http import display_url

BODY = random.Random(0).randbytes(300_000)
SHA = hashlib.sha256(BODY).hexdigest()
QUICK = RetryPolicy(tries=5, connect=2, stall=0.2, pause=0.01, longest_pause=3)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """A download that must fail with this error; nothing may be left. Gives what it says."""

    def call(url: str, kind: type[ImtransError], **more: object) -> str:
        with pytest.raises(kind) as caught:
            download(url, tmp_path / "set.tar.gz", **{"retries": QUICK, **more})
        assert list(tmp_path.iterdir()) == []
        assert caught.value.hint
        assert len(str(caught.value).splitlines()) <= 3
        return str(caught.value)

    return call


def fetch(server: Server, folder: Path, **more: object) -> str:
    """A download that must bring the body, and leave nothing else."""
    found = download(server.url(), folder / "set.tar.gz", **{"retries": QUICK, **more})
    assert [p.name for p in folder.iterdir()] == ["set.tar.gz"]
    assert (folder / "set.tar.gz").read_bytes() == BODY
    assert found == SHA
    return found


def test_a_file_arrives_whole_with_its_sha256_and_progress(tmp_path: Path) -> None:
    ticks: list[tuple[int, int]] = []
    with Server(BODY) as server:
        fetch(server, tmp_path, sha256=SHA.upper(), size=len(BODY), tick=lambda *t: ticks.append(t))
    assert ticks[0] == (0, len(BODY))
    assert ticks[-1] == (len(BODY), len(BODY))
    assert ticks == sorted(ticks)


def test_a01_nobody_there_is_told_with_the_host_within_three_tries(refused: Callable) -> None:
    said = refused(f"http://127.0.0.1:{nobody()}/set.tar.gz?token=secret", DownloadError)
    assert "host '127.0.0.1' cannot be reached (offline? Connection refused), 3 times" in said
    assert "--data-root" in said
    assert "secret" not in said


def test_a01_an_unknown_host_is_told(refused: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    said = refused("http://nowhere.invalid/set.tar.gz", DownloadError)
    assert "host 'nowhere.invalid' cannot be reached (offline? Name or service not known)" in said


def test_a01_a_server_that_takes_connections_and_says_nothing_is_told(refused: Callable) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/set.tar.gz"
        assert "no answer in time" in refused(url, DownloadError, retries=replace(QUICK, tries=2))


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a02_what_is_not_there_is_told_at_once(refused: Callable, status: int) -> None:
    with Server(BODY, answer(status)) as server:
        said = refused(server.url(), DownloadError)
        assert f"host '127.0.0.1' answers {status}" in said
        assert "by hand" in said
    assert len(server.asked) == 1


@pytest.mark.slow
def test_a03_a_busy_server_is_given_the_time_it_asks_for(tmp_path: Path) -> None:
    before = time.monotonic()
    with Server(BODY, answer(429, Retry_After="1")) as server:
        fetch(server, tmp_path)
    assert time.monotonic() - before >= 1
    assert len(server.asked) == 2


def test_a03_a_date_and_nonsense_are_understood_and_five_tries_are_enough(refused: Callable) -> None:
    times = [formatdate(time.time() - 60, usegmt=True), "soon", "0", "0", "0", "0"]
    with Server(BODY, *(answer(503, Retry_After=t) for t in times)) as server:
        assert "answers 503 Service Unavailable, 5 times" in refused(server.url(), DownloadError)
    assert len(server.asked) == 5


def test_a03_who_asks_for_hours_is_not_waited_for(refused: Callable) -> None:
    with Server(BODY, answer(503, Retry_After="7200")) as server:
        assert "it asks to wait 7,200 seconds" in refused(server.url(), DownloadError)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_a04_a_cut_connection_goes_on_where_it_was(tmp_path: Path, share: float) -> None:
    with Server(BODY, plain(cut=int(share * len(BODY)))) as server:
        fetch(server, tmp_path)
    assert server.asked[1]["Range"] == f"bytes={int(share * len(BODY))}-"
    assert server.asked[1]["If-Range"] == '"1"'


@pytest.mark.slow
def test_a04_progress_counts_as_a_new_first_try(tmp_path: Path) -> None:
    body = random.Random(1).randbytes(9 << 20)
    with Server(body, *(plain(cut=(1 << 20) + 1) for _ in range(8))) as server:
        download(server.url(), tmp_path / "x", retries=QUICK)
    assert (tmp_path / "x").read_bytes() == body
    assert len(server.asked) == 9


def test_a04_cuts_without_progress_end_after_five_tries(refused: Callable) -> None:
    with Server(BODY, *(plain(cut=0) for _ in range(9))) as server:
        assert "ended after 0 of 300,000 bytes, 5 times" in refused(server.url(), DownloadError)
    assert len(server.asked) == 5


def test_a05_silence_ends_the_try_and_the_next_goes_on(tmp_path: Path) -> None:
    with Server(BODY, stall(100_000, 1)) as server:
        fetch(server, tmp_path)
    assert server.asked[1]["Range"] == "bytes=100000-"


def test_a05_lasting_silence_is_told(refused: Callable) -> None:
    with Server(BODY, stall(10, 1), stall(10, 1)) as server:
        said = refused(server.url(), DownloadError, retries=replace(QUICK, tries=2))
    assert "sent nothing for 0.2 seconds, 2 times" in said


def test_a06_without_a_length_all_that_comes_is_the_file(tmp_path: Path) -> None:
    with Server(BODY, plain(length=-1)) as server:
        fetch(server, tmp_path, size=len(BODY))
    with Server(BODY, plain(length=-1, cut=1000)) as server:
        fetch(server, tmp_path, size=len(BODY))


def test_a06_with_too_big_a_length_the_hash_decides(tmp_path: Path, refused: Callable) -> None:
    with Server(BODY, plain(length=len(BODY) + 7)) as server:
        fetch(server, tmp_path, sha256=SHA)
    (tmp_path / "set.tar.gz").unlink()
    with Server(BODY, *(plain(length=len(BODY) + 7, tag="") for _ in range(5))) as server:
        assert "ended after 300,000 of 300,007 bytes" in refused(server.url(), DownloadError)


def test_a06_with_too_small_a_length_hash_and_size_decide(refused: Callable) -> None:
    with Server(BODY, plain(length=1000), plain(length=1000)) as server:
        assert f"expected {SHA}" in refused(server.url(), DataError, sha256=SHA)
        assert "got 1,000 bytes, expected 300,000" in refused(server.url(), DataError, size=300_000)


def test_a06_more_than_the_known_size_is_stopped(refused: Callable) -> None:
    with Server(BODY) as server:
        assert "got more than 1,000 bytes, expected 1,000" in refused(server.url(), DataError, size=1000)


def test_a07_a_login_page_is_no_archive(refused: Callable) -> None:
    with Server(BODY, answer(200, b"<html>", Content_Type="text/html; charset=utf-8")) as server:
        assert "got text/html, expected an archive" in refused(server.url(), DataError)


def test_a08_a_wrong_hash_names_both_and_leaves_nothing(refused: Callable) -> None:
    with Server(BODY) as server:
        assert f"got sha256 {SHA}, expected {'0' * 64}" in refused(server.url(), DataError, sha256="0" * 64)


def test_a09_a_server_that_ignores_range_starts_over(tmp_path: Path) -> None:
    with Server(BODY, plain(cut=100_000), plain(ranges=False)) as server:
        fetch(server, tmp_path)
    assert "Range" in server.asked[1]


@pytest.mark.parametrize("second", [plain(tag='"2"'), liar('"2"')])
def test_a10_another_version_starts_over(tmp_path: Path, second: Callable) -> None:
    with Server(b"x" * len(BODY), plain(cut=100_000)) as server:

        def changed(handler: object, _body: bytes) -> None:
            server.body = BODY
            second(handler, BODY)

        server.script.append(changed)
        fetch(server, tmp_path)


def test_a10_without_a_strong_tag_or_date_nothing_is_resumed(tmp_path: Path) -> None:
    with Server(BODY, plain(cut=100_000, tag='W/"1"')) as server:
        fetch(server, tmp_path)
    assert "Range" not in server.asked[1]


def test_a11_http_may_lead_to_http_elsewhere(tmp_path: Path) -> None:
    with Server(BODY) as there, Server(BODY, answer(302, Location=there.url())) as here:
        fetch(here, tmp_path)


@pytest.mark.parametrize("place", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_a11_no_redirect_leads_to_another_kind_of_url(refused: Callable, place: str) -> None:
    with Server(BODY, answer(302, Location=place)) as server:
        said = refused(server.url(), DownloadError)
    assert f"redirects to {place.partition(':')[0]}:" in said
    assert "not followed" in said


def test_a11_https_never_leads_down_to_http(refused: Callable, tmp_path: Path, trusting: Path) -> None:
    with (
        Server(BODY) as there,
        Server(BODY, answer(302, Location=there.url("x?key=secret")), certificate=trusting) as here,
    ):
        said = refused(here.url(), DownloadError)
        assert f"redirects to {there.url('x')}, which is not followed" in said
        assert there.asked == []


def test_a11_https_leads_to_https_elsewhere(tmp_path: Path, trusting: Path) -> None:
    with (
        Server(BODY, certificate=trusting) as there,
        Server(BODY, answer(302, Location=there.url()), certificate=trusting) as here,
    ):
        fetch(here, tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://host/x", "set.tar.gz", "http://", "http://h:99999/x"])
def test_a11_only_web_addresses_are_fetched(refused: Callable, url: str) -> None:
    assert "is no URL to fetch from" in refused(url, ConfigError)


def test_a12_a_certificate_that_nobody_vouches_for_is_refused_at_once(refused: Callable, certificate: Path) -> None:
    with Server(BODY, certificate=certificate) as server:
        said = refused(server.url(), DownloadError)
    assert "shows a certificate that cannot be verified (self" in said
    assert server.asked == []


def test_a14_too_full_a_disk_is_told_before_the_first_byte(refused: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 400_000, 400_000))
    ticks: list[object] = []
    with Server(BODY) as server:
        said = refused(server.url(), ResourceError, copies=2, tick=lambda *t: ticks.append(t))
    assert "needs 0.6 MB, the disk has 0.4 MB" in said
    assert ticks == []


def test_a15_a_disk_that_fills_is_told_and_nothing_is_left(refused: Callable) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Server(BODY) as server:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            said = refused(server.url(), ResourceError)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot be written: File too large" in said
    assert "IMTRANS_HOME" in said


def test_a15_an_interruption_leaves_a_part_that_the_next_call_takes_up(tmp_path: Path) -> None:
    def interrupt(done: int, _count: int) -> None:
        if done:
            raise KeyboardInterrupt

    with Server(BODY) as server:
        with pytest.raises(KeyboardInterrupt):
            download(server.url(), tmp_path / "set.tar.gz", tick=interrupt, retries=QUICK)
        (part,) = tmp_path.glob(".*.part")
        have = part.stat().st_size
        fetch(server, tmp_path, sha256=SHA)
        assert (server.asked[1]["Range"], server.asked[1]["If-Range"]) == (f"bytes={have}-", '"1"')


def test_secrets_of_a_url_are_sent_but_never_shown(refused: Callable) -> None:
    with Server(BODY, answer(404)) as server:
        url = server.url("set.tar.gz?token=secret#part").replace("127", "me:geheim@127", 1)
        said = refused(url, DownloadError)
    assert server.asked[0]["Authorization"] == "Basic bWU6Z2VoZWlt"
    assert server.paths == ["/set.tar.gz?token=secret"]
    assert "secret" not in said
    assert "geheim" not in said


def test_a_login_is_not_sent_on_to_others(tmp_path: Path) -> None:
    with Server(BODY) as there, Server(BODY, answer(302, Location=there.url())) as here:
        download(here.url().replace("127", "me:geheim@127", 1), tmp_path / "x", retries=QUICK)
    assert "Authorization" not in there.asked[0]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://u:p@host:8443/a/b.zip?x=1#y", "https://host:8443/a/b.zip"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://host:port/x", "a URL that cannot be read"),
    ],
)
def test_urls_are_shown_without_what_may_be_secret(url: str, told: str) -> None:
    assert display_url(url) == told


def test_the_partial_file_of_another_process_is_never_touched(tmp_path: Path) -> None:
    other = tmp_path / f".set.tar.gz.host~{os.getpid()}~00000000.part"
    other.write_bytes(b"half of something else")
    with Server(BODY) as server:
        download(server.url(), tmp_path / "set.tar.gz", retries=QUICK)
    assert other.read_bytes() == b"half of something else"
    assert (tmp_path / "set.tar.gz").read_bytes() == BODY


@pytest.fixture
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("keys") / "self.pem"
    place.write_text(CERTIFICATE)
    return place


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The certificate, trusted as one trusts a company's own: through SSL_CERT_FILE."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate
