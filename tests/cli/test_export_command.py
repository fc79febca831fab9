"""imtrans export: what it writes and says, and what it refuses."""

import json

import pytest
from factories import job

from imtrans.engine.training import trainer

# A stranger's exporter, whose program is torch in this process.
OWN = """
from pathlib import Path
from dataclasses import dataclass
from imtrans import Component, ExporterInfo, hookimpl, option

GRAPHS = {}

@dataclass(frozen=True, kw_only=True)
class Options:
    error: float = option(0.0, "added to every value")

@hookimpl
def imtrans_provide():
    info = ExporterInfo(suffix=".own", dtypes={"fp32": 1e-3, "fp16": 0.05})
    yield Component(kind="exporter", name="own", target="own:Own", summary="own", options=Options, info=info)

class Own:
    runtime = "torch here"

    def __init__(self, *, error):
        self.error = error

    def export(self, graph, path):
        path.write_text("own " * len(graph.inputs))
        GRAPHS["last"] = graph

    def load(self, path):
        import torch

        def run(arrays):
            with torch.no_grad():
                made = GRAPHS["last"].module(**{k: torch.from_numpy(v) for k, v in arrays.items()})
            return {"translation": made[0].numpy(), "values": made[1].numpy() + self.error}

        return run
"""


@pytest.fixture
def run(tmp_path):
    settings = {"train.steps": "1", "metrics": "[]", "train.num_samples": "1", "inference.dropout": "true"}
    trainer.fit(job(tmp_path / "runs" / "mine", settings))
    (tmp_path / "own.py").write_text(OWN)
    return "mine"


@pytest.mark.slow
def test_a_strangers_exporter_writes_a_file_and_its_report(run, cli, tmp_path):
    done = cli("-p", "own.py", "export", run, "--to", "own")
    path = tmp_path / "runs" / "mine" / "export" / "mine-step-000001.own"
    assert done.code == 0, done.err
    assert path.read_text() == "own own "
    assert done.out.startswith("runs/mine/export/mine-step-000001.own: 0.0 MB, fp32\n")
    for words in (
        "uint8 (batch, 8*h, 8*w, 3), seed int32 (batch)",
        "dropout on (noise by seed)",
        "validation pictures",
    ):
        assert words in done.out
    report = json.loads(path.with_name(f"{path.name}.json").read_text())
    assert report["parity"]["largest"] < 1e-5
    assert report["dropout"] == "off in the file and in torch"
    assert (report["model"]["run"], report["model"]["step"]) == ("mine", 1)
    again = cli("-p", "own.py", "export", run, "--to", "own")
    assert (again.code, again.err.splitlines()[0].endswith("mine-step-000001.own exists")) == (2, True)
    as_json = cli(
        "-p", "own.py", "export", run, "--to", "own", "--dtype", "fp16", "--licence", "CC0", "--json", "-o", "x"
    )
    record = json.loads(as_json.out)
    assert (record["path"], record["model"]["licence"], record["bound"]) == ("x/mine-step-000001-fp16.own", "CC0", 0.05)


@pytest.mark.slow
def test_a_file_that_is_not_the_model_is_removed(run, cli, tmp_path):
    done = cli("-p", "own.py", "export", run, "--to", "own", "--set", "own.error=0.01", "-o", "out/model.own")
    assert done.code == 8
    assert "exporter 'own', fp32: the file is not the model: 0.01 from the model" in done.err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_a_policy_of_the_command_line_is_exported_and_measured(run, cli, tmp_path):
    arguments = ("--bench", "--to", "own", "--set", "inference.dropout=false", "-o", "model.own")
    done = cli("-p", "own.py", "export", run, *arguments)
    assert done.code == 0, done.err
    heads, model, own, about = done.out.splitlines()
    assert heads.split("  ")[0] == "form"
    assert model.startswith("model in torch")
    assert own.startswith("own fp32")
    assert about.startswith("one picture of 32 x 32 pixels at a time, on this CPU")
    assert (tmp_path / "model.own").read_text() == "own "  # no seed


@pytest.mark.slow
def test_what_cannot_be_exported_is_refused_before_any_work(run, cli, tmp_path):
    for arguments, message in {
        (): "--to is missing: which format?",
        ("--to", "onx"): "--to: no exporter 'onx'; did you mean 'onnx'?",
        ("--to", "torch", "--dtype", "int8"): "exporter 'torch' has no type 'int8'; it has fp16, fp32",
        ("--to", "torch", "-o", "model.onnx"): "-o model.onnx: exporter 'torch' writes .pt2 files",
        ("--to", "torch", "--to", "onnx", "-o", "x.pt2"): "-o x.pt2: exporter 'onnx' writes .onnx files",
        ("--to", "torch", "--dtype", "fp32", "--dtype", "fp16", "-o", "x.pt2"): "-o x.pt2: 2 files need a folder",
        ("--to", "onnx", "--set", "generator.width=2"): "--set generator.width: a trained model has this for good",
        ("--to", "onnx", "--set", "onnx.opst=19"): "--set onnx.opst: exporter 'onnx' has no option 'opst'",
    }.items():
        done = cli("export", run, *arguments)
        assert (done.code, done.err.splitlines()[0]) == (2, f"Error: {message}"), arguments
    assert not (tmp_path / "runs" / "mine" / "export").exists()
    assert cli("export", "nowhere", "--to", "onnx").code == 4
