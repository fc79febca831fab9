"""imtrans resume, run --resume and rerun, as a person uses them."""

import json
import shutil
from pathlib import Path

import pytest
from factories import SMALL, pairs
from safetensors.torch import load_file

SETTINGS = {**{k: v for k, v in SMALL.items() if k not in ("dataset.pairs", "train.steps")}, "metrics": "l1"}
SETTINGS |= {"train.keep_last": "2"}  # of a finished run, too: tests take the last one away
SETS = [text for k, v in SETTINGS.items() for text in ("--set", f"{k}={v}")]


@pytest.fixture
def data(tmp_path):
    return str(pairs(tmp_path / "pairs", train=4, val=1).options["path"])


def run(data, *more, steps="4"):
    return ["run", "pix2pix", "--dataset", data, "--steps", steps, *SETS, *more]


def weights(folder):
    return load_file(folder / "model.safetensors")


def record(name):
    return json.loads((Path("runs") / name / "run.json").read_text())


def cut(name, status="interrupted"):
    """A run as a kill leaves it: its last checkpoint gone, its record as it was in the midst."""
    folder = Path("runs") / name
    told = {**record(name), "status": status}
    (folder / "run.json").write_text(json.dumps(told))
    newest = max(folder.glob("step-*"))
    for file in newest.iterdir():
        file.unlink()
    newest.rmdir()


@pytest.mark.slow
def test_the_same_command_points_out_an_unfinished_run_and_with_resume_goes_on_with_it(cli, data):
    every = ["--set", "train.save_every=2"]
    assert cli(*run(data, *every)).code == 0
    (first,) = Path("runs").iterdir()
    wanted = weights(first / "step-000004")
    cut(first.name)
    again = cli(*run(data, *every))
    assert again.code == 0
    assert f"Note: {first} is the same run, unfinished (interrupted)" in again.err
    assert f"imtrans resume {first.name}" in again.err
    assert len(list(Path("runs").iterdir())) == 2  # it began a new one all the same
    on = cli(*run(data, *every, "--resume"))
    assert on.code == 0
    assert record(first.name)["resumes"][0]["step"] == 2
    assert all(v.equal(wanted[k]) for k, v in weights(first / "step-000004").items())


@pytest.mark.slow
def test_another_configuration_is_not_the_same_run(cli, data):
    cli(*run(data))
    (first,) = Path("runs").iterdir()
    cut(first.name)
    other = cli(*run(data, "--seed", "3"))
    assert "the same run" not in other.err
    assert cli(*run(data, "--seed", "4", "--resume")).code == 0
    assert len(list(Path("runs").iterdir())) == 3


@pytest.mark.slow
def test_a_name_with_resume_begins_goes_on_and_is_content_when_all_is_done(cli, data):
    line = run(data, "--name", "mine", "--resume", "--set", "train.save_every=2")
    assert cli(*line).code == 0
    cut("mine", status="running")
    on = cli(*line)
    assert on.code == 0
    assert "mine ended without notice; it resumes from step 2" in on.err
    done = cli("resume", "mine")
    assert (done.code, "already finished: 4 of 4 steps" in done.out) == (0, True)


@pytest.mark.slow
def test_a_run_that_was_killed_before_its_first_record_or_checkpoint_begins_again(cli, data):
    Path("runs/mine").mkdir(parents=True)
    assert cli(*run(data, "--name", "mine", "--resume")).code == 0
    cut("mine", status="running")
    for left in Path("runs/mine").glob("step-*"):
        left.rename(left.with_name("gone"))
    assert cli("resume", "mine").code == 0
    assert record("mine")["resumes"][0]["step"] == 0
    lines = [json.loads(text) for text in Path("runs/mine/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["split"] == "train"] == [1, 4]


@pytest.mark.slow
def test_one_checkpoint_of_several_may_be_named(cli, data):
    cli(*run(data, "--name", "mine", "--set", "train.save_every=1", "--set", "train.keep_last=9"))
    wanted = weights(Path("runs/mine/step-000004"))
    ended = cli("resume", "runs/mine/step-000001", "--steps", "5")
    assert ended.code == 0
    assert record("mine")["resumes"][0]["step"] == 1
    assert all(v.equal(wanted[k]) for k, v in weights(Path("runs/mine/step-000004")).items())


@pytest.mark.slow
def test_epochs_extend_a_run_of_steps_and_the_other_way_round(cli, data):
    cli(*run(data, "--name", "mine"))
    assert cli("resume", "mine", "--epochs", "3").code == 0
    assert record("mine")["step"] == 6  # 4 pictures in batches of 2
    assert cli("resume", "mine", "--steps", "7").code == 0
    assert record("mine")["step"] == 7
    again = cli("resume", "mine", "--steps", "7")
    assert "already finished: 7 of 7 steps" in again.out


@pytest.mark.slow
def test_rerun_repeats_a_run_to_the_bit(cli, data):
    cli(*run(data, "--name", "mine"))
    ended = cli("rerun", "mine", "--name", "again", "--json")
    assert ended.code == 0
    one, other = (weights(Path("runs") / name / "step-000004") for name in ("mine", "again"))
    assert all(v.equal(other[k]) for k, v in one.items())


@pytest.mark.slow
def test_rerun_names_what_is_not_as_it_was(cli, data):
    cli(*run(data, "--name", "mine"))
    place = Path("runs/mine/env.json")
    place.write_text(json.dumps({**json.loads(place.read_text()), "torch": "1.0"}))
    picture = Path(data) / "train" / "0.png"
    picture.write_bytes(picture.read_bytes() + b"more")
    ended = cli("rerun", "mine")
    assert "Warning: torch was 1.0 and is " in ended.err
    assert "Warning: the pictures are not those that the run began with" in ended.err


@pytest.mark.parametrize("line", [["resume", "--help"], ["rerun", "--help"]])
def test_help_says_what_it_is(line, cli):
    assert "RUN" in cli(*line).out


@pytest.mark.slow
def test_a_run_folder_says_what_the_run_came_from(cli, data, tmp_path):
    import subprocess

    if subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=False).returncode:
        pytest.skip("git is not installed")
    author = ["-c", "user.name=x", "-c", "user.email=x@y.z"]
    (tmp_path / "code.py").write_text("a = 1\n")
    subprocess.run(["git", "add", "code.py"], cwd=tmp_path, check=True)
    subprocess.run(["git", *author, "commit", "-qm", "one"], cwd=tmp_path, check=True)
    (tmp_path / "code.py").write_text("a = 2\n")
    cli(*run(data, "--name", "mine", "--seed", "5"))
    folder = Path("runs/mine")
    told = json.loads((folder / "git.json").read_text())
    assert (len(told["commit"]), told["dirty"], told["diff"]) == (40, True, "whole")
    assert "+a = 2" in (folder / "git.diff").read_text()
    assert json.loads((folder / "seed.json").read_text())["seed"] == 5
    known = json.loads((folder / "env.json").read_text())
    assert {"python", "torch", "imtrans", "threads", "packages", "system"} <= known.keys()
    assert any(name.startswith("torch==") for name in known["packages"])
    plugins = json.loads((folder / "plugins.json").read_text())
    assert plugins["imtrans:unet"]["distribution"] == "imtrans"


def best_before_the_end(cli, data):
    """The run `mine`, whose best checkpoint is not its last: at such a learning rate chance decides which one is, and
    processors differ in it."""
    every = ["--set", "train.evaluate_every=2 epochs", "--set", "train.optimizer.lr=1"]
    for seed in range(12):
        shutil.rmtree("runs", ignore_errors=True)
        assert cli(*run(data, "--name", "mine", "--seed", str(seed), *every, steps="10")).code == 0
        best = json.loads(Path("runs/mine/best.json").read_text())["checkpoint"]
        if best.startswith("best-"):
            return best
    pytest.fail("of twelve runs each was best at its end")


@pytest.mark.slow
def test_the_best_checkpoint_is_used_like_any_other_and_resuming_from_it_says_what_to_use(cli, data):
    Path("p.png").write_bytes(next(Path(data).rglob("*.png")).read_bytes())
    best = best_before_the_end(cli, data)
    assert cli("translate", f"runs/mine/{best}", "p.png", "-o", "out").code == 0
    assert cli("evaluate", f"mine/{best}", "--protocol", "own", "--json").code == 0
    assert cli(*run(data, "--name", "next", "--init", f"runs/mine/{best}")).code == 0
    for name in (f"mine/{best}", f"runs/mine/{best}", f"runs/mine/{best}/model.safetensors"):
        refused = cli("resume", name, "--steps", "12")
        assert (refused.code, refused.err) == (
            4,
            f"Error: runs/mine/{best} holds the weights alone, without the state to resume from\n"
            "To resume the run, from step-000010: imtrans resume runs/mine; "
            f"to begin a new run with these weights: imtrans run RECIPE --init runs/mine/{best}\n",
        )
    Path("alone.safetensors").write_bytes(Path(f"runs/mine/{best}/model.safetensors").read_bytes())
    refused = cli("resume", "alone.safetensors")
    assert refused.code == 4
    assert "To begin a new run with these weights: imtrans run RECIPE --init alone.safetensors" in refused.err


def test_minutes_and_patience_are_refused_together(cli, data):
    refused = cli(*run(data, "--set", "train.evaluate_every=5 minutes", "--set", "train.early_stopping_patience=3"))
    assert refused.code == 2
    assert "with train.early_stopping_patience the clock would decide when training ends" in refused.err
    typo = cli(*run(data, "--set", "train.save_every=1 epcoh"))
    assert (typo.code, typo.err) == (
        2,
        'Error: --set train.save_every \'1 epcoh\': must be "500 steps", "1 epoch", "5 minutes" or "never" '
        "(a number counts steps)\n",
    )
