"""Several runs become one model: its picture is the mean of theirs."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import fitting, job, pairs, plugins

import imtrans
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.inference.forward import inference_mode, translate
from imtrans.engine.runs.ensemble_run import write_ensemble
from imtrans.engine.training import trainer
from imtrans.errors import CheckpointError
from imtrans.plugins.catalog import Catalog


def trained(folder, **settings):
    data = pairs(folder / "pairs")
    chosen = {"train.steps": "2", "inference.norm": "running", "inference.dropout": "false", **settings}
    return trainer.fit(job(folder / "run", chosen, dataset=data)).checkpoint


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    top = tmp_path_factory.mktemp("members")
    return [trained(top / seed, **{"train.seed": seed}) for seed in "01"]


def written(members, folder):
    found = plugins()
    return write_ensemble(members, folder, catalog=Catalog(found.records), versions=found.versions())


def output(run, source):
    model = imtrans.load(run, plugins=plugins()).model
    with inference_mode(model, seed=0):
        return translate(model, source)


@pytest.mark.slow
def test_its_picture_is_the_mean_of_theirs(members, tmp_path):
    made = written(members, tmp_path / "both")
    source = torch.rand(2, 3, 37, 32) * 2 - 1
    wanted = torch.stack([output(member, source) for member in members]).mean(0)
    torch.testing.assert_close(output(tmp_path / "both", source), wanted, rtol=0, atol=1e-6)
    assert not torch.allclose(wanted, output(members[0], source), atol=1e-3)
    assert checkpoints_io.read_metadata(made)["config"]["generator"]["members"] == 2
    record = imtrans.api.Run(tmp_path / "both").record
    assert (record["status"], [e["checkpoint"] for e in record["from"]]) == ("ensemble", [str(m) for m in members])


@pytest.mark.slow
def test_an_ensemble_can_be_a_member_and_be_copied_as_a_file(members, tmp_path):
    inner = written(members, tmp_path / "inner")
    written([inner, inner], tmp_path / "outer")
    source = torch.rand(1, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(
        output(tmp_path / "outer", source), output(inner / "model.safetensors", source), rtol=0, atol=1e-6
    )


@pytest.mark.slow
def test_averaged_weights_are_those_that_are_taken(members, tmp_path):
    averaged = trained(tmp_path / "ema", **{"train.ema": "0.5"})
    written([averaged, averaged], tmp_path / "both")
    source = torch.rand(1, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(output(tmp_path / "both", source), output(averaged, source), rtol=0, atol=1e-6)
    written([averaged, members[0]], tmp_path / "mixed")  # not a difference that matters
    assert imtrans.load(tmp_path / "mixed", plugins=plugins()).model.averages == {}


@pytest.mark.slow
def test_members_whose_parts_have_rates_of_their_own_become_one(tmp_path):
    """The recipe `regression` has a slower encoder; an ensemble has no such part, and is not trained."""
    own = {**fitting("regression"), "train.steps": "2", "generator.width": "4"}
    made = []
    for fold in "12":
        settings = {**own, "data.folds": "2", "data.fold": fold}
        data = pairs(tmp_path / fold / "pairs")
        made.append(trainer.fit(job(tmp_path / fold / "run", settings, dataset=data, recipe="regression")).checkpoint)
    written(made, tmp_path / "both")
    source = torch.rand(1, 3, 32, 32) * 2 - 1
    wanted = torch.stack([output(member, source) for member in made]).mean(0)
    torch.testing.assert_close(output(tmp_path / "both", source), wanted, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_models_that_have_no_mean_are_refused(members, tmp_path):
    wider = trained(tmp_path / "wide", **{"generator.width": "6"})
    with pytest.raises(CheckpointError, match=r"differs from .* in generator: they have no mean"):
        written([members[0], wider], tmp_path / "both")
    assert not (tmp_path / "both").exists()


@pytest.mark.slow
def test_the_spread_of_the_members_is_seen(members, tmp_path):
    """For two members the standard deviation is half of their distance."""
    written(members, tmp_path / "both")
    picture = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    one, two = (imtrans.load(m, plugins=plugins()).translate(picture).astype(float) for m in members)
    both = imtrans.load(tmp_path / "both", plugins=plugins())
    wanted = np.sqrt((((one - two) / 2) ** 2).mean(-1)) / 255
    np.testing.assert_allclose(both.uncertainty(picture), wanted, atol=1e-6)
    np.testing.assert_allclose(both.translate(picture), (one + two) / 2, atol=1)


@pytest.mark.slow
def test_the_python_code_of_the_docs_runs(members, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    written(members, tmp_path / "runs" / "houses")
    pairs(tmp_path / "pairs", val=2)
    page = (Path(__file__).parents[3] / "docs" / "ensembles.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(code, {})
    assert re.fullmatch(r"(\d\.png: uncertainty 0\.\d{3}, error 0\.\d{3}\n){2}", capsys.readouterr().out)
