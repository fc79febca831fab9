"""imtrans inspect: what it shows of a model's file without loading it, and what it says of files that are none."""

import hashlib
import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from factories import job
from safetensors import safe_open
from safetensors.numpy import save_file

from imtrans.engine.training import trainer

QUICK = {"train.steps": "1", "metrics": "[]", "train.num_samples": "1"}


@pytest.fixture
def file(tmp_path):
    trainer.fit(job(tmp_path / "runs" / "mine", QUICK | {"train.licence": "cc-by-4.0"}))
    return next((tmp_path / "runs" / "mine").glob("step-*/model.safetensors"))


def rewritten(file, path, **changes):
    """The same file with other metadata."""
    with safe_open(file, framework="np") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
        metadata = json.loads(opened.metadata()["imtrans"]) | changes
    save_file(tensors, path, metadata={"imtrans": json.dumps({k: v for k, v in metadata.items() if v is not None})})
    return path


def test_a_run_is_shown_with_everything_its_file_says(file, cli):
    found = cli("inspect", "mine")
    lines = dict(line.split(maxsplit=1) for line in found.out.splitlines())
    assert (found.code, found.err) == (0, "")
    assert lines["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert {k: lines[k] for k in ("run", "recipe", "step", "licence", "pixels")} == {
        "run": "mine",
        "recipe": "pix2pix",
        "step": "1",
        "licence": "cc-by-4.0",
        "pixels": "32",
    }
    assert lines["generator"].startswith("unet256: depth 3, width 4")
    assert lines["plugins"] == "none but those of imtrans"
    assert "generator.encoder" not in found.out


def test_tensors_and_json_name_every_tensor(file, cli):
    record = json.loads(cli("inspect", "mine", "--tensors", "--json").out)
    with safe_open(file, framework="np") as opened:
        shapes = {name: list(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    assert {name: t["shape"] for name, t in record["tensors"].items()} == shapes
    assert record["bytes"] == file.stat().st_size
    assert record["parameters"] == sum(record["parameters_by_network"].values())
    assert all(name in cli("inspect", str(file), "--tensors").out for name in shapes)


def test_a_file_copied_alone_belongs_to_no_run(file, cli, tmp_path):
    (tmp_path / "alone.safetensors").write_bytes(file.read_bytes())
    assert json.loads(cli("inspect", "alone.safetensors", "--json").out)["model"]["run"] is None


def test_a_file_of_an_earlier_release_is_shown_with_what_it_lacks(file, cli, tmp_path):
    rewritten(file, tmp_path / "old.safetensors", licence=None, parameters=None, run=None)
    found = cli("inspect", "old.safetensors")
    assert found.code == 0
    assert "licence       not stated" in found.out
    assert "values " in found.out


def test_neither_torch_nor_the_plugin_that_a_file_names_is_imported(file, tmp_path):
    (tmp_path / "spy").mkdir()
    (tmp_path / "spy" / "spy_plugin.py").write_text("raise SystemExit('imported')")
    info = tmp_path / "spy" / "spy_plugin-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spy-plugin\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[imtrans]\nspy = spy_plugin\n")
    entry = {"distribution": "spy-plugin", "version": "1.0", "target": "spy_plugin", "needed": True}
    path = rewritten(file, tmp_path / "spy.safetensors", plugins={"spy-plugin:spy": entry})
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'spy')!r}); from imtrans.cli.main import run; "
        f"code = run(['inspect', {str(path)!r}]); print(code, 'torch' in sys.modules, 'spy_plugin' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False False"
    assert "spy-plugin 1.0 (2.0 is installed)" in done.stdout


def test_a_strangers_file_is_shown_and_what_it_lacks_is_said(cli, tmp_path):
    save_file(
        {"conv.weight": np.zeros((2, 3), np.float16)}, tmp_path / "x.safetensors", metadata={"author": "me\x1b[2J"}
    )
    found = cli("inspect", "x.safetensors", "--tensors")
    assert found.code == 0
    assert "imtrans did not write this file" in found.out
    assert "conv.weight  F16   2 x 3" in found.out
    assert "\x1b" not in found.out


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.safetensors", b"", "is no safetensors file: it does not begin with a header"),
        ("a.safetensors", b"PK\3\4" * 9, "is no safetensors file: it does not begin with a header"),
        ("a.safetensors", struct.pack("<Q", 2**63) + b"{}", "has a header of 9,223,372,036,854,775,808 bytes"),
        ("a.safetensors", struct.pack("<Q", 9) + b"{" * 9, "cannot be read"),
        ("a.pt", b"\x80\x04.", "is pickled and can run code"),
        ("a.txt", b"x", "is no run, checkpoint folder or .safetensors file"),
        ("runs.safetensors/x", b"x", "holds no checkpoint"),
        ("empty/x", b"x", "holds no checkpoint"),
    ],
)
def test_what_is_no_model_gets_one_message(name, content, message, cli, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    found = cli("inspect", name.split("/")[0])
    assert (found.code, found.out) == (4, "")
    assert message in found.err
    assert len(found.err.splitlines()) <= 3


def test_a_file_that_is_cut_short_says_how_much_there_should_be(file, cli, tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(file.read_bytes()[:-100])
    size = file.stat().st_size
    assert f"is cut short: it has {size - 100:,} of {size:,} bytes" in cli("inspect", "cut.safetensors").err


@pytest.mark.parametrize(
    "changes", [{"config": []}, {"plugins": {"a": 1}, "signals": 3}, {"parameters": "x"}, {"parameters": {"g": None}}]
)
def test_a_description_of_another_form_is_no_traceback(changes, file, cli, tmp_path):
    rewritten(file, tmp_path / "odd.safetensors", **changes)
    found = cli("inspect", "odd.safetensors")
    assert found.code == 4
    assert "has no readable description" in found.err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_description_of_many_levels_is_no_traceback(flags, file, cli, tmp_path):
    rewritten(file, tmp_path / "deep.safetensors")
    content = (tmp_path / "deep.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    metadata = json.loads(header["__metadata__"]["imtrans"])
    metadata["config"]["method"] = "DEEP"
    header["__metadata__"]["imtrans"] = json.dumps(metadata).replace('"DEEP"', "[" * 900 + "]" * 900)
    text = json.dumps(header).encode()
    (tmp_path / "deep.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    found = cli("inspect", "deep.safetensors", *flags)
    assert found.code in (0, 4)
    assert "fault in imtrans" not in found.err
    assert cli("card", "deep.safetensors").code in (0, 4)


def test_a_file_of_a_newer_format_says_to_upgrade(file, cli, tmp_path):
    rewritten(file, tmp_path / "new.safetensors", format=99)
    found = cli("inspect", "new.safetensors")
    assert (found.code, "Upgrade" in found.err) == (4, True)
