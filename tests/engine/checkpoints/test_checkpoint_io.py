import copy
import json
import shutil

import numpy as np
import pytest
import torch
from factories import job, plugins
from safetensors import safe_open
from safetensors.torch import save_file

import imtrans
from imtrans.engine import build
from imtrans.engine.checkpoints import checkpoint_paths, model_file
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.inference.translator import Translator
from imtrans.engine.training import trainer
from imtrans.errors import CheckpointError
from imtrans.plugins.catalog import Catalog


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    made = job(
        tmp_path_factory.mktemp("trained") / "runs" / "one",
        {"metrics": "[]", "train.steps": "2", "generator.pre_activation": "false", "inference.dropout": "true"},
    )
    trainer.fit(made)
    return made


@pytest.fixture
def trained(trained_once, tmp_path):
    """A run of two steps; what a test does to its folder or weights is undone."""
    folder, network = trained_once.run.folder, trained_once.model.networks["generator"]
    kept, weights = shutil.copytree(folder, tmp_path / "kept"), copy.deepcopy(network.state_dict())
    yield trained_once
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)
    network.load_state_dict(weights)


def test_a_checkpoint_is_one_folder_of_safetensors_and_json(trained):
    folder = trained.run.folder / "step-000002"
    assert sorted(p.name for p in folder.iterdir()) == [
        "MANIFEST.json",
        "model.safetensors",
        "optimizer.safetensors",
        "rank-000.safetensors",
        "state.json",
    ]
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        card = json.loads(file.metadata()["imtrans"])
    assert card["config"]["generator"]["pre_activation"] is False
    assert card["config"]["inference"] == {"norm": "running", "dropout": True}
    assert card["step"] == 2
    assert card["signals"]["source"]["channels"] == 3
    assert card["plugins"]["imtrans:unet"]["distribution"] == "imtrans"


def test_it_translates_without_being_told_the_architecture(trained):
    picture = np.random.default_rng(0).integers(0, 256, (20, 45, 3), dtype=np.uint8)
    once = imtrans.load(trained.run.folder, device="cpu").translate(picture, seed=5)
    assert once.shape == picture.shape
    assert once.dtype == np.uint8
    np.testing.assert_array_equal(once, Translator(trained.model).translate(picture, seed=5))
    alone = imtrans.load(trained.run.folder / "step-000002" / "model.safetensors", device="cpu")
    np.testing.assert_array_equal(once, alone.translate(picture, seed=5))


def test_dropout_is_noise_that_the_seed_decides(trained):
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    translator = Translator(trained.model)
    assert np.array_equal(translator.translate(picture, seed=1), translator.translate(picture, seed=1))
    assert not np.array_equal(translator.translate(picture, seed=1), translator.translate(picture, seed=2))


def test_a_changed_byte_a_cut_file_and_a_missing_manifest_are_named(trained):
    folder = trained.run.folder / "step-000002"
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CheckpointError, match=r"model.safetensors was changed \(sha256 differs\)"):
        checkpoint_paths.find(folder)
    weights.write_bytes(whole[:100])
    with pytest.raises(CheckpointError, match=rf"model\.safetensors has 100 of {len(whole):,} bytes"):
        checkpoint_paths.find(folder)
    weights.write_bytes(whole)
    (folder / "MANIFEST.json").unlink()
    with pytest.raises(CheckpointError, match=r"incomplete: no MANIFEST\.json"):
        checkpoint_paths.find(folder)


def test_of_a_run_the_newest_whole_checkpoint_is_taken(trained):
    folder = trained.run.folder
    later = folder / "step-000010"
    later.mkdir()
    (later / "model.safetensors").write_bytes(b"half")
    (folder / "step-abc").mkdir()
    assert checkpoint_paths.find(folder).name == "step-000002"


def test_weights_that_are_not_finite_are_refused(trained, tmp_path):
    parameter = next(trained.model.networks["generator"].parameters())
    parameter.data.flatten()[0] = torch.nan
    folder = checkpoints_io.save(trained.model, tmp_path, step=3, plugins={})
    with pytest.raises(CheckpointError, match=r"generator\.encoder\..* holds values that are not finite"):
        imtrans.load(folder)


def test_a_newer_format_says_so(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints_io, "FORMAT", 2)
    folder = checkpoints_io.save(trained.model, tmp_path, step=3, plugins={})
    monkeypatch.setattr(model_file, "FORMAT", 1)
    with pytest.raises(CheckpointError, match=r"made by imtrans .*, this is"):
        checkpoints_io.read_metadata(folder)


def test_a_missing_plugin_is_named_with_how_to_install_it(trained, tmp_path):
    folder = checkpoints_io.save(
        trained.model, tmp_path, step=3, plugins={"x:y": {"distribution": "imtrans-x", "version": "1", "target": "x"}}
    )
    without = Catalog([r for r in plugins().records if r.name != "unet"])
    with pytest.raises(CheckpointError, match="no generator 'unet256'") as caught:
        checkpoints_io.load(
            folder, catalog=without, factory=build.ComponentFactory(without), device=torch.device("cpu")
        )
    assert caught.value.hint == "It needs the plugin imtrans-x 1: python -m pip install imtrans-x"


def test_pickled_files_are_never_loaded(tmp_path):
    (tmp_path / "net.pth").write_bytes(b"")
    with pytest.raises(CheckpointError, match="pickled and can run code"):
        imtrans.load(tmp_path / "net.pth")


def test_a_model_copied_alone_under_any_name_is_the_same_model(trained, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (20, 45, 3), dtype=np.uint8)
    whole = imtrans.load(trained.run.folder, device="cpu").translate(picture, seed=5)
    (tmp_path / "elsewhere").mkdir()
    for name in ("mine.safetensors", "model.safetensors"):
        copy = shutil.copy(trained.run.folder / "step-000002" / "model.safetensors", tmp_path / "elsewhere" / name)
        np.testing.assert_array_equal(imtrans.load(copy, device="cpu").translate(picture, seed=5), whole)
    beside = shutil.copy(copy, trained.run.folder / "step-000002" / "mine.safetensors")
    np.testing.assert_array_equal(imtrans.load(beside, device="cpu").translate(picture, seed=5), whole)


def test_a_damaged_or_foreign_model_file_is_named_with_what_to_do(trained, tmp_path):
    file = tmp_path / "mine.safetensors"
    whole = (trained.run.folder / "step-000002" / "model.safetensors").read_bytes()
    for content, fault in (
        (b"", r"checkpoint .*mine\.safetensors: has no readable description \("),
        (whole[:1000], r"mine\.safetensors: has no readable description \("),
        (whole[: len(whole) // 2], r"mine\.safetensors: has no readable description \("),
        (whole.replace(b"format", b"formal", 1), r"mine\.safetensors: has no readable description \('format'\)"),
    ):
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match=fault) as caught:
            imtrans.load(file, device="cpu")
        assert caught.value.hint == "Take another copy of it."
    save_file({"net.weight": torch.zeros(2)}, file)
    with pytest.raises(CheckpointError, match=r"mine\.safetensors is no model of imtrans") as caught:
        imtrans.load(file, device="cpu")
    assert caught.value.hint == f"Bring it in, if an importer knows it: imtrans import {file}"


def test_a_model_file_with_a_weight_that_is_not_finite_is_refused_by_its_name(trained, tmp_path):
    next(trained.model.networks["generator"].parameters()).data.flatten()[0] = torch.nan
    folder = checkpoints_io.save(trained.model, tmp_path, step=3, plugins={})
    copy = shutil.copy(folder / "model.safetensors", tmp_path / "mine.safetensors")
    with pytest.raises(CheckpointError, match=r"mine\.safetensors: generator\.encoder\..* not finite"):
        imtrans.load(copy, device="cpu")


def test_the_other_files_of_a_checkpoint_are_no_models(trained):
    with pytest.raises(CheckpointError, match=r"optimizer\.safetensors is no run, checkpoint folder or"):
        checkpoint_paths.find(trained.run.folder / "step-000002" / "optimizer.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize(("keep", "names"), [("1", [5]), ("2", [4, 5]), ("9", [2, 4, 5])])
def test_the_newest_checkpoints_are_kept(keep, names, tmp_path):
    made = job(
        tmp_path / "run", {"metrics": "[]", "train.steps": "5", "train.save_every": "2", "train.keep_last": keep}
    )
    trainer.fit(made)
    assert sorted(p.name for p in tmp_path.glob("run/*step-*")) == [f"step-{n:06}" for n in names]
