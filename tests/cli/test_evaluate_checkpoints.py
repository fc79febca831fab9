"""imtrans evaluate: the last checkpoint beside the best, which pictures chose it, and quality over time."""

import csv
import json
import shutil

import pytest
from factories import job, pairs
from PIL import Image

import imtrans.api
from imtrans.engine.runs import run_dir
from imtrans.engine.training import trainer

# The learning rate rises until it ruins the networks: the last evaluation is not the best.
FALLING = {"train.steps": "6", "train.optimizer.lr": "0.5", "train.warmup": "5"}
FALLING |= {"train.evaluate_every": "2", "train.milestone_every": "2"}
SELDOM = {"train.sample_every": "99", "train.num_samples": "1", "metrics": '["l1", "psnr"]'}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    top = tmp_path_factory.mktemp("over-time")
    data = pairs(top / "pairs", train=4, val=3)
    made = job(top / "runs" / "falling", FALLING | SELDOM, dataset=data)
    trainer.fit(made)
    run_dir.finish(made.run.folder, status="finished", step=6, code=0)
    run_dir.unlock(made.run.folder)
    return top


@pytest.fixture(scope="module")
def best(desk):
    """The step of the best checkpoint, and its number."""
    record = json.loads((desk / "runs/falling/best.json").read_text())
    assert record["step"] < 6
    return record


@pytest.fixture
def evaluate(desk, monkeypatch, cli):
    monkeypatch.chdir(desk)
    return lambda *arguments: cli("evaluate", *map(str, arguments), "--protocol", "own")


def test_a_run_is_measured_at_its_last_step_and_at_its_best_and_says_what_chose_that(evaluate, best):
    record = json.loads(evaluate("falling", "--json").out)
    assert record["checkpoint"].endswith("step-000006")
    assert record["best"]["checkpoint"].endswith(best["checkpoint"])
    assert record["choice"] == {
        "step": best["step"],
        "metric": "l1",
        "value": best["value"],
        "split": "val",
        "is_same": True,
    }
    assert record["best"]["numbers"]["l1"]["value"] < record["numbers"]["l1"]["value"]
    assert record["best"]["numbers"]["l1"]["value"] == pytest.approx(record["choice"]["value"], rel=1e-3)
    assert not any("chosen" in note for note in record["notes"]), "nobody chose the last one"
    assert any("chosen by l1 on these pictures (val)" in note for note in record["best"]["notes"])


def test_the_table_shows_both_in_a_line(evaluate, best):
    lines = evaluate("falling").out.splitlines()
    assert lines[1].split()[-2:] == ["best,", str(best["step"])]
    last = next(line for line in lines if line.startswith("Best: "))
    assert (
        f"{best['checkpoint']}; step {best['step']} was chosen by l1 on these pictures (val): its numbers are too good"
        in last
    )
    assert last.endswith("For others: --split test")


def test_a_test_split_that_is_the_validation_folder_again_chose_it_all_the_same(evaluate):
    """Without a test folder the validation folder serves for both."""
    record = json.loads(evaluate("falling", "--split", "test", "--json").out)
    assert record["choice"]["is_same"]


def test_other_pictures_did_not_choose_it(evaluate, desk, best):
    (desk / "pairs/test").mkdir(exist_ok=True)
    for number in range(2):
        Image.new("RGB", (64, 32), (40 * number, 20, 90)).save(desk / f"pairs/test/new{number}.png")
    try:
        record = json.loads(evaluate("falling", "--split", "test", "--json").out)
    finally:
        shutil.rmtree(desk / "pairs/test")
    assert not record["choice"]["is_same"]
    note = f"step {best['step']} was chosen by l1 on the pictures of val, which are others than these"
    assert note in record["best"]["notes"]


def test_a_checkpoint_that_is_named_is_measured_alone(evaluate):
    record = json.loads(evaluate("falling@best", "--json").out)
    assert "best" not in record
    assert any("its numbers are too good" in note for note in record["notes"])
    assert "best" not in json.loads(evaluate("falling@6", "--json").out)


def test_in_python_it_is_the_same_record(desk, best, monkeypatch):
    monkeypatch.chdir(desk)
    record = imtrans.api.evaluate("falling", protocol="own")
    assert record["best"]["checkpoint"].endswith(best["checkpoint"])
    assert record["choice"]["metric"] == "l1"


def test_every_checkpoint_is_a_row_of_the_table_and_a_point_of_the_curve(evaluate, desk, best):
    record = json.loads(evaluate("falling", "--all-checkpoints", "--json").out)
    assert [each["step"] for each in record["checkpoints"]] == [2, 4, 6]
    values = [each["numbers"]["l1"]["value"] for each in record["checkpoints"]]
    assert record["best"]["l1"] == [2, 4, 6][values.index(min(values))] == best["step"]
    peaks = [each["numbers"]["psnr"]["value"] for each in record["checkpoints"]]
    assert record["best"]["psnr"] == [2, 4, 6][peaks.index(max(peaks))], "psnr counts upwards"
    page = desk / record["page"]
    with page.with_suffix(".csv").open(newline="") as file:
        assert [float(row["l1"]) for row in csv.DictReader(file)] == pytest.approx(values)
    charts = json.loads(page.read_text().split('type="application/json">')[1].split("</script>")[0])
    assert {chart["title"] for chart in charts} >= {"l1", "psnr"}
    assert [x for x, _ in charts[0]["series"][0]["points"]] == [2, 4, 6]


def test_over_time_the_terminal_stars_the_best_and_warns_of_the_choice(evaluate, best):
    lines = evaluate("falling", "--all-checkpoints").out.splitlines()
    row = next(line for line in lines if line.startswith(f"  step {best['step']}"))
    assert row.split()[2].endswith("*")
    assert any("has chosen by these pictures (val)" in line for line in lines)
    assert lines[-1].startswith("page: runs/falling/evaluation/own-v1-")


def test_of_one_checkpoint_there_is_no_time(evaluate):
    outcome = evaluate("falling@6", "--all-checkpoints")
    assert outcome.code == 4
    assert "falling@6 is one checkpoint, not a run" in outcome.err


def test_the_card_of_the_best_says_what_chose_it(evaluate, desk, best, cli):
    assert evaluate("falling@best").code == 0
    outcome = cli("card", "falling@best")
    assert outcome.code == 0, outcome.err
    written = outcome.out + "".join(path.read_text() for path in (desk / "runs/falling").rglob("*.md"))
    assert f"The checkpoint of step {best['step']} was chosen by l1 on these pictures" in written.replace("\\", "")
