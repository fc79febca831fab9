"""imtrans compare: the table, the page, the picture, and runs that cannot be compared."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from factories import job, pairs
from PIL import Image
from terminal import shown

from imtrans.cli.main import run
from imtrans.engine.runs import run_dir
from imtrans.engine.training import trainer

SETTINGS = {"metrics": '["psnr", "l1"]', "train.log_every": "2", "train.sample_every": "5"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with three short runs: two on the same pairs, one on others."""
    top = tmp_path_factory.mktemp("compare")
    same, other = pairs(top / "pairs", val=3), pairs(top / "others", train=8, val=2)
    for name, dataset, width in (("narrow", same, "4"), ("wide", same, "8"), ("other", other, "4")):
        made = job(top / "runs" / name, {**SETTINGS, "generator.width": width}, dataset=dataset)
        trainer.fit(made)
        run_dir.finish(made.run.folder, status="finished", step=5, code=0)
        run_dir.unlock(made.run.folder)
    return top


@pytest.fixture
def at_desk(desk, monkeypatch):
    monkeypatch.chdir(desk)
    return desk


def told(capfd, *arguments):
    assert run(["compare", *arguments]) == 0
    return capfd.readouterr().out


@pytest.mark.slow
def test_the_table_shows_what_differs_and_who_is_best(at_desk, capfd):
    lines = told(capfd, "narrow", "wide").splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line and not line.startswith("*")}
    assert lines[0].split() == ["narrow", "wide"]
    assert rows["generator.width"] == ["4", "8"]
    assert rows["steps"] == ["5", "of", "5", "5", "of", "5"]
    assert "train.seed" not in rows, "what is the same is not shown"
    assert rows["parameters"][0] == "generator"
    assert "too early to tell" in "\n".join(lines)
    values = [float(v) for v in rows["psnr"] if v != "*"]
    better = "*" if values[0] > values[1] else values[1]
    assert rows["psnr"][1] in ("*", str(better)) or rows["psnr"][2] == "*"
    assert "* the best" in lines


@pytest.mark.slow
def test_the_json_says_the_same(at_desk, capfd):
    whole = json.loads(told(capfd, "narrow", "wide", "--json"))
    assert [r["name"] for r in whole["runs"]] == ["narrow", "wide"]
    assert whole["differences"]["generator.width"] == [4, 8]
    metrics = {r["name"]: r["metrics"] for r in whole["runs"]}
    assert whole["best"]["psnr"] == max(metrics, key=lambda n: metrics[n]["psnr"])
    assert whole["best"]["l1"] == min(metrics, key=lambda n: metrics[n]["l1"])
    assert whole["runs"][0]["verdict"]["name"] == "too early to tell"


def test_runs_of_other_pictures_have_no_best(at_desk, capfd):
    whole = json.loads(told(capfd, "narrow", "other", "--json"))
    assert whole["best"] == {}
    assert whole["notes"] == ["not the same validation pictures: no metric says which run is better"]
    assert "Note: not the same validation pictures" in told(capfd, "narrow", "other")


def test_one_run_alone_and_a_run_twice_are_shown_too(at_desk, capfd):
    assert "wide" in told(capfd, "wide")
    assert "steps" in told(capfd, "wide", "runs/wide", "-o", "twice.html")


def test_the_page_has_a_line_for_each_run_and_the_same_pictures_in_a_row(at_desk, capfd):
    told(capfd, "narrow", "wide", "-o", "page.html")
    text = (at_desk / "page.html").read_text()
    charts = json.loads(text.split('<script id="charts" type="application/json">')[1].split("</script>")[0])
    by_title = {c["title"]: c for c in charts}
    players = {"adversarial", "discriminator", "accuracy of D (0.5: guessing)"}
    assert {"psnr", "l1", "reconstruction", *players} == set(by_title)
    assert [s["name"] for s in by_title["reconstruction"]["series"]] == ["narrow", "wide"]
    assert text.count("<td><img") == 2 * 4, "source, two runs and target of two samples"
    assert "http" not in text.replace("data:", "")
    assert len(text) < 3_000_000


def test_the_page_of_runs_of_other_pictures_says_so(at_desk, capfd):
    told(capfd, "narrow", "other", "-o", "page.html")
    text = (at_desk / "page.html").read_text()
    assert "<td><img" not in text
    assert "no samples side by side: the runs show different pictures" in text


def test_the_picture_shows_curves_and_samples(at_desk, capfd):
    told(capfd, "narrow", "wide", "-o", "both.png")
    with Image.open(at_desk / "both.png") as picture:
        array = np.asarray(picture.convert("RGB"))
    assert array.shape[1] == 3 * 460
    assert (array.reshape(-1, 3) == (0x25, 0x63, 0xEB)).all(-1).any(), "the first run's line"
    assert (array.reshape(-1, 3) == (0xD9, 0x48, 0x0F)).all(-1).any(), "the second's"


def test_a_missing_run_is_named(at_desk, capfd):
    assert run(["compare", "narrow", "nobody"]) == 4
    assert "Error: no run or checkpoint 'nobody'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("file", "content"),
    [("run.json", "{"), ("run.json", "[]"), ("config.toml", "= 3"), ("config.toml", None), ("", '{"resumes": [3]}')],
    ids=["run", "list", "config", "no config", "other types"],
)
def test_a_broken_run_is_named(at_desk, tmp_path, capfd, file, content):
    folder = tmp_path / "broken"
    shutil.copytree(at_desk / "runs" / "narrow", folder)
    place = folder / (file or "run.json")
    place.unlink() if content is None else place.write_text(content)
    assert run(["compare", "narrow", str(folder)]) == 4
    error = capfd.readouterr().err
    assert "broken" in error
    assert file in error
    assert len(error.splitlines()) <= 3


def test_a_run_without_log_or_samples_is_compared_as_far_as_it_goes(at_desk, tmp_path, capfd):
    folder = tmp_path / "bare"
    shutil.copytree(at_desk / "runs" / "narrow", folder)
    (folder / "metrics.jsonl").unlink()
    (folder / "summary.json").write_text("nonsense")
    shutil.rmtree(folder / "samples")
    out = told(capfd, "narrow", str(folder), "-o", str(tmp_path / "page.html"))
    assert "0 of 5" in out
    assert "no samples side by side: none in bare" in (tmp_path / "page.html").read_text()


def test_an_output_of_another_kind_is_refused_before_anything_is_read(at_desk, capfd):
    assert run(["compare", "narrow", "-o", "page.pdf"]) == 2
    assert "page.html" in capfd.readouterr().err


def test_an_output_that_cannot_be_written_is_a_resource(at_desk, capfd):
    for suffix in ("html", "png"):
        assert run(["compare", "narrow", "-o", f"nowhere/page.{suffix}"]) == 5
        assert "nowhere" in capfd.readouterr().err


def test_the_table_loads_no_torch(at_desk):
    source = (
        "import sys; from imtrans.cli.main import run; code = run(['compare', 'narrow', 'wide']);"
        "sys.exit(code or ('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=False)
    assert done.returncode == 0


def test_a_verdict_with_a_hint_says_what_to_try(at_desk, capfd, tmp_path):
    run_folder = shutil.copytree("runs/narrow", tmp_path / "hinted")
    summary = json.loads((run_folder / "summary.json").read_text())
    summary["verdict"]["hint"] = "a lower --lr"
    (run_folder / "summary.json").write_text(json.dumps(summary))
    assert "To try for hinted: a lower --lr" in told(capfd, str(run_folder))


@pytest.fixture(scope="module")
def unequal(tmp_path_factory):
    """Two runs on the same pairs, of 20 and of 30 steps, both evaluated after every 10."""
    top = tmp_path_factory.mktemp("unequal")
    same = pairs(top / "pairs", val=3)
    for name, steps in (("short", "20"), ("long", "30"), ("other", "25")):
        every = "7" if name == "other" else "10"
        settings = {**SETTINGS, "train.steps": steps, "train.evaluate_every": every}
        settings["generator.width"] = "8" if name == "long" else "4"
        trainer.fit(job(top / "runs" / name, settings, dataset=same))
    return top


@pytest.mark.slow
def test_runs_of_unequal_steps_are_compared_at_equal_ones(unequal, monkeypatch, capfd):
    monkeypatch.chdir(unequal)
    whole = json.loads(told(capfd, "short", "long", "--json"))
    assert whole["notes"] == ["trained for 20 and 30 steps: they are compared at step 20"]
    lines = (unequal / "runs" / "long" / "metrics.jsonl").read_text().splitlines()
    at_20 = next(row for row in map(json.loads, lines) if row["step"] == 20 and "psnr" in row)
    short = whole["runs"][0]["metrics"]
    assert whole["best"]["psnr"] == ("short" if short["psnr"] > at_20["psnr"] else "long")
    above, below = told(capfd, "short", "long").split("\nat step 20\n")
    assert "*" not in above, "the newest metrics are of unlike runs"
    assert "Note: trained for 20 and 30 steps: they are compared at step 20" in below


def test_runs_that_were_never_evaluated_after_equally_many_steps_have_no_best(unequal, monkeypatch, capfd):
    monkeypatch.chdir(unequal)
    whole = json.loads(told(capfd, "short", "other", "--json"))
    assert (whole["best"], whole["notes"]) == ({}, ["trained for 20 and 25 steps: no metric says which run is better"])


@pytest.mark.slow
@pytest.mark.parametrize("width", [60, 80, 160])
def test_the_table_is_as_wide_as_the_terminal(at_desk, width):
    lines = shown(width, ["compare", *["narrow", "wide", "other"] * 3])
    assert max(map(len, lines)) <= width
    out = "\n".join(lines)
    blocks = out.count("generator.width")
    assert blocks == {60: 5, 80: 3, 160: 2}[width], "nine runs stand in so many tables"
    assert out.partition("To try for")[0].count("runs/wide") == 3
