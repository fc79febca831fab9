"""A run that was begun in one folder and is resumed in another: its paths, the origins of its values, its log."""

import json
import os

import pytest

SETTINGS = (
    *("data.size=32", "data.batch_size=2", "generator.depth=3", "generator.width=4", "discriminator.width=4"),
    *("metrics=[]", "train.log_every=1", "reconstruction+=mse"),
)
SMALL = [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture
def run(cli, pairs, tmp_path):
    pairs()
    done = cli("run", "pix2pix", "--dataset", "pairs", "--steps", "2", "--name", "one", "--device", "cpu", *SMALL)
    assert done.code == 0, done.err
    return tmp_path / "runs" / "one"


@pytest.mark.slow
def test_paths_are_stored_absolute_and_origins_stay_what_they_were(run, cli, tmp_path, monkeypatch):
    before = (run / "config.toml").read_text()
    assert f'path = "{tmp_path / "pairs"}"  # flag' in before
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    resumed = cli("resume", str(run), "--steps", "3")
    assert resumed.code == 0, resumed.err
    changed = set((run / "config.toml").read_text().splitlines()) ^ set(before.splitlines())
    assert all(line.startswith(("steps = ", "epochs = ")) for line in changed)
    used = cli("evaluate", str(run))
    assert used.code == 0, used.err
    assert os.listdir() == []


@pytest.mark.slow
def test_each_of_several_terms_is_in_the_log_with_what_it_adds(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    training = [line for line in lines if line["split"] == "train"]
    assert len(training) == 2
    for line in training:
        assert line["reconstruction.l1"] + line["reconstruction.mse"] == pytest.approx(line["reconstruction"])
        assert "adversarial.bce" not in line
