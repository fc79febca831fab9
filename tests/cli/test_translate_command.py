"""imtrans translate: what is done, refused and listed."""

import json
import shutil

import numpy as np
import pytest
import torch
from factories import job
from PIL import Image

import imtrans
from imtrans.engine.speedups import has_bf16
from imtrans.engine.training import trainer
from imtrans.kit.images import decode


@pytest.fixture
def run(tmp_path):
    made = job(tmp_path / "runs" / "mine", {"train.steps": "1", "metrics": "[]", "train.num_samples": "1"})
    trainer.fit(made)
    return "mine"


def picture(path, size=(9, 7)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(path)


def test_folders_keep_their_tree_and_sizes(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.jpg")
    picture(tmp_path / "in" / "deep" / "b.png", size=(40, 33))
    done = cli("translate", run, "in", "-o", "out")
    assert (done.code, done.out.strip()) == (0, "2 of 2 pictures translated to out")
    assert decode(tmp_path / "out" / "a.png").shape == (7, 9, 3)
    assert decode(tmp_path / "out" / "deep" / "b.png").shape == (33, 40, 3)


@pytest.mark.slow
def test_broken_pictures_are_listed_and_the_others_done(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    (tmp_path / "in" / "c.png").write_bytes(b"")
    done = cli("translate", run, "in", "-o", "out")
    assert done.code == 3
    assert done.out.strip() == "1 of 3 pictures translated to out"
    assert "b.png: not a picture" in done.err
    assert "c.png: the file is empty" in done.err
    assert (tmp_path / "out" / "a.png").exists()


@pytest.mark.slow
def test_an_input_is_never_overwritten_unasked(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.png")
    before = (tmp_path / "in" / "a.png").read_bytes()
    done = cli("translate", run, "in", "-o", "in")
    assert done.code == 2
    assert "is an input" in done.err
    assert "--overwrite" in done.err
    assert (tmp_path / "in" / "a.png").read_bytes() == before


@pytest.mark.slow
def test_two_inputs_of_one_output_name_are_named_before_any_work(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "in" / "a.jpg")
    done = cli("translate", run, "in", "-o", "out")
    assert done.code == 2
    assert "would both become" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_outputs_that_exist_are_kept_unless_asked(run, cli, tmp_path):
    picture(tmp_path / "a.png")
    assert cli("translate", run, "a.png", "-o", "b.png").code == 0
    assert cli("translate", run, "a.png", "-o", "b.png").code == 2
    assert cli("translate", run, "a.png", "-o", "b.png", "--overwrite").code == 0


@pytest.mark.slow
def test_missing_pictures_and_empty_folders_are_said(run, cli, tmp_path):
    assert "no such file or folder" in cli("translate", run, "nothing.png", "-o", "out").err
    (tmp_path / "empty").mkdir()
    done = cli("translate", run, "empty", "-o", "out")
    assert done.code == 3
    assert "0 pictures in empty" in done.err


@pytest.mark.slow
def test_a_model_sent_alone_translates_is_evaluated_and_is_begun_with(run, cli, tmp_path):
    """Nothing is left of the run but one file, under a name of its own."""
    shutil.copy(tmp_path / "runs" / run / "step-000001" / "model.safetensors", tmp_path / "mine.safetensors")
    shutil.rmtree(tmp_path / "runs")
    picture(tmp_path / "a.png")
    assert cli("translate", "mine.safetensors", "a.png", "-o", "b.png").code == 0
    assert decode(tmp_path / "b.png").shape == (7, 9, 3)
    told = json.loads(cli("evaluate", "mine.safetensors", "--protocol", "aerial-map", "--json").out)
    assert told["checkpoint"] == "mine.safetensors"
    assert told["table"].endswith("mine.csv")
    assert (tmp_path / told["table"]).parent.parent == tmp_path / "evaluation"
    small = ["--set", "data.size=32", "--set", "generator.depth=3", "--set", "generator.width=4", "--set", "metrics=[]"]
    small += ["--set", "discriminator=patchgan16", "--set", "discriminator.width=4", "--set", "train.num_samples=1"]
    done = cli("run", "pix2pix", "--steps", "1", "--set", "dataset.pairs=8", *small, "--init", "mine.safetensors")
    assert done.code == 0, done.err
    assert "began with mine.safetensors" in done.out + done.err


@pytest.mark.slow
def test_a_run_and_evaluate_speak_json(run, cli):
    told = json.loads(cli("evaluate", run, "--protocol", "aerial-map", "--json").out)
    assert told["pictures"] == 64
    assert told["numbers"]["rmse"]["value"] > 0
    small = ["--set", "data.size=16", "--set", "generator.depth=3", "--set", "generator.width=2", "--set", "metrics=l1"]
    done = cli("run", "pix2pix", "--steps", "1", "--json", "--set", "dataset.pairs=8", *small)
    result = json.loads(done.out)
    assert result["step"] == 1
    assert result["metrics"].keys() == result["mean_image"].keys() == {"l1"}


def test_samples_differ_and_are_named_by_their_seeds(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.png", size=(32, 32))
    done = cli("translate", run, "in/*.png", "-o", "out", "--samples", "3", "--seed", "4")
    assert (done.code, done.out.strip()) == (0, "3 of 3 pictures translated to out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a-seed4.png", "a-seed5.png", "a-seed6.png"]


def test_continue_makes_what_is_missing_alone(run, cli, tmp_path):
    for name in ("a.png", "b.png"):
        picture(tmp_path / "in" / name)
    picture(tmp_path / "out" / "a.png", size=(3, 3))
    done = cli("translate", run, "in", "-o", "out", "--continue")
    assert (done.code, done.out.strip()) == (0, "1 of 1 pictures translated to out")
    assert "1 were there already" in done.err
    assert decode(tmp_path / "out" / "a.png").shape == (3, 3, 3)
    assert decode(tmp_path / "out" / "b.png").shape == (7, 9, 3)
    assert cli("translate", run, "in", "-o", "out", "--continue", "--overwrite").code == 2


def test_an_output_folder_that_cannot_be_made_ends_with_5_and_says_what_is_done(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "in" / "sub" / "b.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file where the folder of the second picture would be")
    done = cli("translate", run, "in", "-o", "out")
    assert done.code == 5
    assert "--continue goes on with the rest" in done.err
    assert (tmp_path / "out" / "a.png").exists()
    assert not list((tmp_path / "out").glob(".*"))


def test_source_and_result_side_by_side_and_a_sheet_of_all(run, cli, tmp_path):
    for name in ("a.png", "b.png"):
        picture(tmp_path / "in" / name, size=(40, 32))
    done = cli("translate", run, "in", "-o", "out", "--compare", "--grid", "sheet.png", "--format", "jpg")
    assert done.code == 0, done.err
    both = decode(tmp_path / "out" / "a.jpg")
    assert both.shape == (32, 80, 3)
    assert abs(both[:, :40].mean() - 90) < 2
    assert decode(tmp_path / "sheet.png").shape[0] > 64


def test_a_pattern_that_fits_nothing_and_amounts_that_are_none(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.png")
    assert "in/*.tif: nothing fits this pattern" in cli("translate", run, "in/*.tif", "-o", "out").err
    done = cli("translate", run, "in", "-o", "out", "--memory", "much")
    assert (done.code, "--memory 'much': is no amount of memory" in done.err) == (2, True)
    done = cli("translate", run, "in", "-o", "out", "--tile", "8")
    assert done.code == 2
    assert "needs at least" in done.err


def test_a_picture_turned_by_exif_is_upright_and_other_metadata_is_not_copied(run, cli, tmp_path):
    (tmp_path / "in").mkdir()
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "somebody"  # orientation, artist
    Image.new("RGB", (24, 16)).save(tmp_path / "in" / "a.jpg", exif=exif)
    assert cli("translate", run, "in", "-o", "out").code == 0
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert image.size == (16, 24)
        assert not image.getexif()
        assert not image.info


def test_a_format_that_cannot_hold_the_result_is_named_with_the_file(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.png")
    done = cli("translate", run, "in", "-o", "out", "--format", "txt")
    assert done.code == 3
    assert "out/a.txt: a .txt file cannot hold uint8 with 3 channels" in done.err
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
@pytest.mark.skipif(not has_bf16(torch.device("cpu")), reason="this processor has no bfloat16")
def test_a_folder_is_translated_in_bf16_with_folded_norms(run, cli, tmp_path):
    random = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / "in" / f"{name}.png")
    policy = ["--set", "inference.norm=running", "--set", "inference.dropout=false"]
    assert cli("translate", run, "in", "-o", "exact", *policy).code == 0
    done = cli("translate", run, "in", "-o", "fast", "--precision", "bf16", "--fast", *policy)
    assert (done.code, done.out.strip()) == (0, "3 of 3 pictures translated to fast")
    assert done.err.count("Note: the networks compute in bfloat16 (--precision bf16)\n") == 1
    assert "nothing is folded" not in done.err
    for name in ("a", "b", "c"):
        exact, fast = (decode(tmp_path / folder / f"{name}.png").astype(int) for folder in ("exact", "fast"))
        assert np.abs(exact - fast).max() <= 8


def test_fast_says_in_one_line_where_the_policy_cannot_be_folded(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.png")
    policy = ["--set", "inference.norm=batch", "--set", "inference.dropout=false"]
    assert cli("translate", run, "in", "-o", "exact", *policy).code == 0
    done = cli("translate", run, "in", "-o", "fast", "--fast", *policy)
    assert done.code == 0
    assert done.err.count("nothing is folded: norms take each picture's own statistics by the inference policy") == 1
    assert np.array_equal(decode(tmp_path / "exact" / "a.png"), decode(tmp_path / "fast" / "a.png"))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch compiles with g++")
def test_compiled_networks_give_the_same_pictures_with_the_same_dropout(run, cli, subprocess_cli, tmp_path):
    picture(tmp_path / "in" / "a.png", size=(32, 32))
    assert cli("translate", run, "in", "-o", "eager", "--set", "inference.dropout=true").code == 0
    done = subprocess_cli("translate", run, "in", "-o", "out", "--compile", "--set", "inference.dropout=true")
    assert done.code == 0, done.err
    assert "being compiled" in done.err
    eager, compiled = (decode(tmp_path / folder / "a.png").astype(int) for folder in ("eager", "out"))
    assert np.abs(eager - compiled).max() <= 1


@pytest.mark.slow
def test_without_a_compiler_one_line_says_so(run, subprocess_cli, tmp_path):
    picture(tmp_path / "in" / "a.png")
    nothing = {"PATH": str(tmp_path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess_cli("translate", run, "in", "-o", "out", "--compile", env=nothing)
    assert done.code == 2
    assert "Error: the networks cannot be compiled here: " in done.err
    assert "Leave --compile out, or install a C++ compiler" in done.err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_model_is_loaded_without_its_discriminators(run, tmp_path):
    model = imtrans.load(tmp_path / "runs" / run).model
    assert list(model.networks) == ["generator"]
    held = model.parts["discriminator"].parameters()
    assert {parameter.device.type for parameter in held} == {"meta"}
    whole = imtrans.load(tmp_path / "runs" / run, has_discriminators=True).model
    assert sorted(whole.networks) == ["discriminator", "generator"]


def test_bf16_is_refused_where_the_processor_has_none(run, cli, tmp_path, monkeypatch):
    picture(tmp_path / "in" / "a.png")
    for instructions in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, instructions, lambda: False)
    done = cli("translate", run, "in", "-o", "out", "--precision", "bf16")
    assert done.code == 2
    assert "precision bf16: this cpu has no instructions for it" in done.err
    assert not (tmp_path / "out").exists()
