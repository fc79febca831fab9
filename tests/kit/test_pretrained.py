"""Files of weights: where they are looked for, how they are fetched, and what is refused."""

import hashlib

import pytest
import torch
from http_server import Server

from imtrans.errors import CheckpointError, DataError, DownloadError, NotInstalledError
from imtrans.kit import pretrained
from imtrans.kit.pretrained import Published, locate
from imtrans.net.download import RetryPolicy

BODY = b"weights of a network" * 100
BEGINNING = hashlib.sha256(BODY).hexdigest()[:8]
NAME = f"net-{BEGINNING}.pth"
QUICK = RetryPolicy(tries=1, connect=1, stall=1, pause=0.01)


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "home" / "weights", tmp_path / "torch" / "hub" / "checkpoints"


def published(url="http://127.0.0.1:9/" + NAME):
    return Published(url=url, others=(f"pt_net-{BEGINNING}.pth",))


@pytest.mark.parametrize("folder", [0, 1])
@pytest.mark.parametrize("name", [NAME, f"pt_net-{BEGINNING}.pth"])
def test_weights_are_found_in_either_folder_under_either_name(folder, name, folders):
    folders[folder].mkdir(parents=True)
    (folders[folder] / name).write_bytes(BODY)
    assert locate(published(), metric="lpips", fetch=True) == folders[folder] / name


def test_a_found_file_that_is_not_whole_is_refused_by_its_sha256(folders):
    folders[0].mkdir(parents=True)
    (folders[0] / NAME).write_bytes(BODY[:-1])
    with pytest.raises(CheckpointError, match=rf"{NAME}: broken, or another file: its sha256 is .*, not {BEGINNING}"):
        locate(published(), metric="lpips")


def test_nothing_is_fetched_unasked(folders):
    with Server(BODY) as server, pytest.raises(NotInstalledError, match=r"metrics\.lpips\.fetch=true"):
        locate(published(server.url(NAME)), metric="lpips")
    assert server.asked == []


def test_fetched_weights_are_checked_and_fetched_once(folders):
    with Server(BODY) as server:
        paths = [locate(published(server.url(NAME)), metric="lpips", fetch=True) for _ in range(2)]
    assert paths == [folders[0] / NAME] * 2
    assert paths[0].read_bytes() == BODY
    assert len(server.asked) == 1
    assert [p.name for p in folders[0].iterdir()] == [NAME]


def test_other_bytes_than_published_are_deleted(folders):
    with (
        Server(b"something else") as server,
        pytest.raises(DataError, match=rf"expected {BEGINNING}\.\.\.\nThe file was"),
    ):
        locate(published(server.url(NAME)), metric="lpips", fetch=True)
    assert list(folders[0].iterdir()) == []


def test_who_is_offline_is_told_how_to_bring_the_file_by_hand():
    with Server(BODY) as server:
        url = server.url(NAME)
    with pytest.raises(DownloadError, match=r"Or fetch it by hand: --set metrics\.fid\.weights=FILE"):
        locate(published(url), metric="fid", fetch=True, retries=QUICK)


def test_a_fingerprint_changes_with_any_weight():
    network = torch.nn.Linear(2, 1)
    before = pretrained.fingerprint(network)
    assert before == pretrained.fingerprint(network)
    with torch.no_grad():
        network.bias += 1e-3
    assert pretrained.fingerprint(network) != before
