"""Models on the Hub: pushed in one commit, fetched by commit, pinned by SHA-256; with the Hub's own library."""

import io
import json
import shutil

import numpy as np
import pytest
from factories import job, pairs
from hub_server import served
from PIL import Image

from imtrans import atomic_io
from imtrans.engine.runs import page_info
from imtrans.engine.training import trainer
from imtrans.net import hub_model

# huggingface_hub 2.4 sends files to a plain store in a way that its own HTTP client (httpx2) deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("trained")
    settings = {"metrics": "[]", "train.steps": "1", "train.sample_every": "1 steps"}
    trainer.fit(job(root / "runs" / "first", settings, dataset=pairs(root / "pairs")))
    return root / "runs"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with served(monkeypatch, tmp_path / "hub") as server:
        yield server


@pytest.fixture
def here(hub, cli, trained, tmp_path):
    """The command line in a folder with the run and a picture."""
    shutil.copytree(trained, tmp_path / "runs")
    Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(tmp_path / "x.png")
    return cli


@pytest.mark.slow
def test_a_model_is_pushed_in_one_commit_and_translates_from_there_as_from_here(here, hub, tmp_path):
    told = here("push", "first", "me/houses", "--licence", "cc-by-4.0")
    assert told.code == 0, told.err
    (commit,) = hub.repos["me/houses"]["commits"]
    assert f"Sent to {hub.url}/me/houses (private), commit {commit}" in told.out
    files = hub.at("me/houses", "main")[1]
    assert sorted(files) == ["README.md", "config.json", "model.safetensors", "samples/step-000001.png"]
    assert not any(str(tmp_path).encode() in content for content in files.values())
    sheet = Image.open(io.BytesIO(files["samples/step-000001.png"]))
    assert not sheet.info  # the run's sheet records the names of the data's files
    assert json.loads(files["config.json"])["licence"] == "cc-by-4.0"
    for run, out in (("first", "a"), ("hf:me/houses", "b"), (f"hf:me/houses@{commit}", "c")):
        told = here("translate", run, "x.png", "-o", out)
        assert told.code == 0, told.err
        assert ("is now commit" in told.err) == (run == "hf:me/houses")
    assert (tmp_path / "a" / "x.png").read_bytes() == (tmp_path / "b" / "x.png").read_bytes()
    shown = here("inspect", f"hf:me/houses@{commit}")
    assert (shown.code, "licence       cc-by-4.0" in shown.out) == (0, True)
    before = len(hub.requests)
    assert here("translate", f"hf:me/houses@{commit}", "x.png", "-o", "d").code == 0
    assert here("translate", "hf:me/houses", "x.png", "-o", "e", "--offline").code == 0
    assert len(hub.requests) == before  # the cache knows a commit, and --offline asks nobody


@pytest.mark.slow
def test_a_run_that_begins_with_a_model_of_the_hub_holds_its_commit_and_sha256(here, hub, tmp_path):
    assert here("push", "first", "me/houses").code == 0
    (commit,) = hub.repos["me/houses"]["commits"]
    given = ["--steps", "1", "--name", "second", "--set", "metrics=[]", "--set", "generator.depth=3"]
    given += ["--set", "generator.width=4", "--set", "data.size=32", "--dataset", "toy", "--set", "dataset.pairs=8"]
    told = here("run", "pix2pix", *given, "--set", "train.init=hf:me/houses")
    assert told.code == 0, told.err
    digest = atomic_io.digest(hub_model.fetch(f"hf:me/houses@{commit}").path)
    config = (tmp_path / "runs" / "second" / "config.toml").read_text("utf-8")
    assert f"hf:me/houses@{commit}#sha256={digest}" in config
    other = f"hf:me/houses@{commit}#sha256={'0' * 64}"
    told = here("run", "pix2pix", *given, "--name", "third", "--set", f"train.init={other}")
    assert told.code == 4
    assert "the file has another SHA-256" in told.err


def test_what_goes_wrong_is_said_in_one_message(here, hub, monkeypatch):
    hub.commit("me/empty", {"README.md": b"# nothing"})
    hub.commit("me/foreign", {"model.safetensors": b"\x08\0\0\0\0\0\0\0{}      "})
    cases = {
        ("translate", "hf:nobody/nothing", "x.png", "-o", "o"): (4, "there is no such repository on the Hub"),
        ("translate", "hf:me/empty", "x.png", "-o", "o"): (4, "the repository has no model.safetensors"),
        ("translate", "hf:me/empty@v9", "x.png", "-o", "o"): (4, "there is no such branch, tag or commit"),
        ("translate", "hf:me/foreign", "x.png", "-o", "o"): (4, ""),
        ("translate", "hf:houses", "x.png", "-o", "o"): (2, "Write hf:USER/NAME"),
        ("translate", "hf:me/empty", "x.png", "-o", "o", "--offline"): (4, "is not in the cache"),
        ("push", "first", "hf:me/houses"): (2, "Write USER/NAME alone"),
        ("push", "first", "others/houses"): (5, "you may not write there"),
    }
    for arguments, (code, words) in cases.items():
        told = here(*arguments)
        assert (told.code, "Traceback" in told.err) == (code, False), (arguments, told.err)
        assert words in told.err, told.err
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    told = here("push", "first", "me/houses")
    assert (told.code, "hf auth login" in told.err) == (5, True)


@pytest.mark.parametrize(("status", "code"), [(409, 5), (412, 5), (429, 6), (500, 6)])
def test_a_commit_that_is_refused_leaves_nothing_and_says_what_to_do(here, hub, status, code, monkeypatch):
    from huggingface_hub.utils import _http

    monkeypatch.setattr(_http.time, "sleep", lambda _seconds: None)
    hub.refusal = status
    told = here("push", "first", "me/houses")
    assert told.code == code, told.err
    assert "again" in told.err
    assert hub.repos["me/houses"]["commits"] == {}


def test_nothing_is_sent_where_one_only_looks(here, hub):
    told = here("push", "first", "me/houses", "--dry-run")
    assert told.code == 0
    assert "model.safetensors" in told.out
    assert "Nothing was sent" in told.out
    assert "samples/" in told.out
    assert "samples/" not in here("push", "first", "me/houses", "--dry-run", "--no-samples").out
    assert hub.requests == []


def test_a_damaged_copy_in_the_cache_is_refused_and_one_of_the_hub_has_its_name(here, hub):
    hub.commit("me/houses", {"model.safetensors": b"\x08\0\0\0\0\0\0\0{}      "})
    path = hub_model.fetch("hf:me/houses").path
    assert page_info.name_of(path) == "houses"
    blob = path.resolve()
    if len(blob.name) == 64:
        blob.write_bytes(b"\x08\0\0\0\0\0\0\0{}     !")
        told = here("translate", "hf:me/houses", "x.png", "-o", "o", "--offline")
        assert (told.code, "the copy in the cache is damaged" in told.err) == (4, True)


def test_without_a_network_the_message_is_about_the_network(here, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}")
    told = here("translate", "hf:me/houses", "x.png", "-o", "o")
    assert told.code == 6
    assert "the Hub cannot be reached" in told.err
    assert told.err.count("\n") == 2  # and no line for each try


def test_paths_of_the_machine_are_their_last_part_alone(tmp_path):
    from imtrans.engine.runs.hub_files import without_paths

    tree = {"a": "/home/someone/pairs", "b": ["C:\\Users\\x\\y.png", "../z", "~/w/", "reflect"], "c": 1, "d": "a/b"}
    assert without_paths(tree) == {"a": "pairs", "b": ["y.png", "z", "w", "reflect"], "c": 1, "d": "a/b"}
