"""imtrans evaluate: a run, two folders, protocols, what is written, and what is refused."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from factories import job, pairs
from PIL import Image

from imtrans import ComponentRef
from imtrans.engine.runs import run_dir
from imtrans.engine.training import trainer
from imtrans.kit.images import decode

PROTOCOLS = """
from pathlib import Path
import numpy as np
from imtrans import DatasetInfo
from imtrans.interfaces import Pair, DataSpec
from imtrans.kit.bases import BaseDataset
from imtrans import Component, EvalProtocol, MetricInfo, ComponentRef as Ref, hookimpl
from imtrans.errors import NotInstalledError

class Sourced:
    def compute(self, prediction, batch):
        return (prediction - batch.source).abs().flatten(1).mean(1)
    def aggregate(self, rows):
        return {"moved": float(rows.mean())}

class Numbered:
    def compute(self, prediction, batch):
        return batch.extras["labels"].float().flatten(1).mean(1)
    def aggregate(self, rows):
        return {"number": float(rows.mean())}

class Labelled(BaseDataset):  # grey squares, with class numbers in files of twice their size
    data_spec = DataSpec()
    def __len__(self):
        return 2
    def __getitem__(self, index):
        square = np.full((32, 32, 3), 100 * index, np.uint8)
        return Pair(source=square, target=square, key=f"square-{index}")
    def labels(self, index):
        return Path(f"numbers/square-{index}.png").resolve()

class Spread:
    def compute(self, prediction, batch):
        return prediction.flatten(1).mean(1)
    def aggregate(self, rows):
        return {} if len(rows) < 2 else {"spread": float(rows.std())}

class Lacking:
    def __init__(self):
        raise NotInstalledError("the weights are not here", hint="Get them.")

@hookimpl
def imtrans_provide():
    yield Component(kind="metric", name="moved", target="mine:Sourced", summary="", info=MetricInfo(needs=("source",)))
    needs = MetricInfo(needs=("labels",))
    yield Component(kind="metric", name="numbered", target="mine:Numbered", summary="", info=needs)
    yield Component(kind="dataset", name="labelled", target="mine:Labelled", summary="", info=DatasetInfo())
    yield EvalProtocol(name="numbers", version=1, metrics=[Ref("numbered")])
    yield Component(kind="metric", name="lacking", target="mine:Lacking", summary="")
    yield EvalProtocol(name="plain", version=2, summary="three numbers", metrics=[Ref("l1"), Ref("psnr"), Ref("ssim")])
    of_size = {"size": (48, 48), "resize": "nearest", "has_upper_bound": True}
    yield EvalProtocol(name="sized", version=1, metrics=[Ref("l1")], **of_size)
    yield EvalProtocol(name="moving", version=1, metrics=[Ref("moved")])
    yield EvalProtocol(name="partly", version=1, metrics=[Ref("l1")], optional=[Ref("lacking")], min_samples=100)
    info = MetricInfo(is_set_level=True)
    yield Component(kind="metric", name="spread", target="mine:Spread", summary="", info=info)
    yield EvalProtocol(name="sets", version=1, metrics=[], optional=[Ref("spread")])
    yield EvalProtocol(name="nothing", version=1, metrics=[], optional=[Ref("lacking")])
    yield EvalProtocol(name="policed", version=1, metrics=[Ref("l1")], inference={"dropout": False, "norm": "running"})
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    top = tmp_path_factory.mktemp("evaluate")
    data = pairs(top / "pairs", val=4, size=64)
    for name, seed in (("one", "0"), ("two", "1")):
        made = job(top / "runs" / name, {"train.seed": seed, "metrics": '["l1"]', "train.steps": "2"}, dataset=data)
        trainer.fit(made)
        run_dir.finish(made.run.folder, status="finished", step=2, code=0)
        run_dir.unlock(made.run.folder)
    (top / "mine.py").write_text(PROTOCOLS)
    return top


@pytest.fixture
def evaluate(desk, monkeypatch, cli):
    monkeypatch.chdir(desk)

    def call(*arguments):
        return cli("-p", "mine.py", "evaluate", *map(str, arguments))

    return call


@pytest.mark.slow
def test_a_run_gives_numbers_intervals_a_table_and_its_protocol(evaluate, desk):
    told = json.loads(evaluate("one", "--protocol", "plain", "--json").out)
    assert (told["protocol"], told["version"], told["pictures"]) == ("plain", 2, 4)
    l1 = told["numbers"]["l1"]
    assert l1["low"] <= l1["value"] <= l1["high"]
    assert told["numbers"]["psnr"]["higher_is_better"]
    assert told["choices"]["size"] == [32, 32]
    assert told["choices"]["inference"] == {"norm": "batch", "dropout": True}
    assert [m["name"] for m in told["choices"]["metrics"]] == ["l1", "psnr", "ssim"]
    with (desk / told["table"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert np.mean([float(r["l1"]) for r in rows]) == pytest.approx(l1["value"])
    kept = json.loads((desk / told["table"]).with_suffix(".json").read_text())
    assert kept["hash"] == told["hash"] in told["table"]


@pytest.mark.slow
def test_what_it_prints_says_on_what_and_how(evaluate):
    lines = evaluate("one", "--protocol", "plain").out.splitlines()
    assert lines[0].startswith("plain v2 #")
    assert lines[0].endswith("step-000002 on pairs (val); 4 of 4 pictures; 32 x 32; norm batch, dropout on")
    assert lines[1].split() == ["value", "95", "%", "interval", "mean", "image"]
    assert lines[-1].startswith("each picture: runs/one/evaluation/plain-v2-")


@pytest.mark.slow
def test_pictures_that_were_written_and_are_evaluated_as_two_folders_give_the_same_numbers(evaluate, desk):
    """What is measured is what anybody who has the files would measure."""
    of_run = json.loads(evaluate("one", "--protocol", "plain", "--pictures", "--json").out)
    album = desk / "runs/one/evaluation/step-000002-pictures"
    shown = (album / "plain.html").read_text()
    assert shown.count("<img") == 12
    assert of_run["page"].endswith("plain.html")
    of_folders = json.loads(
        evaluate(album / "prediction", album / "target", "--protocol", "plain", "-o", "both", "--json").out
    )
    for name, number in of_run["numbers"].items():
        assert of_folders["numbers"][name]["value"] == pytest.approx(number["value"], rel=1e-6)
    assert of_folders["table"].startswith("both/plain-v2-")
    assert of_folders["hash"] != of_run["hash"], "nobody knows by which policy those were made"


def test_the_page_shows_the_worst_picture_first(evaluate, desk):
    told = json.loads(evaluate("one", "--protocol", "plain", "--pictures", "--json").out)
    with (desk / told["table"]).open(newline="") as file:
        worst = max(csv.DictReader(file), key=lambda row: float(row["l1"]))["picture"]
    page = (desk / told["page"]).read_text()
    assert page.index(f"of {worst}") == min(page.index(f"of {n}") for n in ("0", "1", "2", "3"))


@pytest.mark.slow
def test_a_grid_of_eight_pictures_of_256_pixels_is_that_of_torchvision(evaluate, tmp_path):
    """2066 x 260 as the results of Vrushank264/GANs-PyTorch: 2 black pixels around each picture, eight a row."""
    random = np.random.default_rng(0)
    drawn = random.integers(1, 256, (9, 256, 256, 3), dtype=np.uint8)
    for folder in ("fake", "real"):
        (tmp_path / folder).mkdir()
        for number, picture in enumerate(drawn):
            Image.fromarray(picture).save(tmp_path / folder / f"{number}.png")
    done = evaluate(tmp_path / "fake", tmp_path / "real", "--protocol", "aerial-map", "--grid", "8x1", "-o", tmp_path)
    assert done.code == 0, done.err
    for side in ("prediction", "target"):
        sheet = decode(tmp_path / "fake-pictures" / f"{side}.png")
        assert sheet.shape == (260, 2066, 3)
        for number in range(8):
            left = 2 + 258 * number
            assert np.array_equal(sheet[2:258, left : left + 256], drawn[number])
        is_line = np.ones(sheet.shape[:2], bool)
        is_line[2:258] = np.arange(2066) % 258 < 2
        assert not sheet[is_line].any()
    assert not (tmp_path / "fake-pictures" / "source.png").exists(), "two folders alone have no sources"


@pytest.mark.slow
def test_a_grid_may_have_pictures_of_a_size_of_its_own_and_fewer_than_asked_for(evaluate, desk):
    """6 x 6 of 32 px as the pencil project's; here there are four pictures."""
    assert evaluate("one", "--protocol", "plain", "--grid", "3x12@16", "-o", "grids").code == 0
    folder = desk / "grids" / "step-000002-pictures"
    for side in ("source", "prediction", "target"):
        assert decode(folder / f"{side}.png").shape == (2 + 2 * 18, 2 + 3 * 18, 3)
        assert len(list((folder / side).iterdir())) == 4
    assert evaluate("one", "--protocol", "plain", "--grid", "1x2", "-o", "grids").code == 0
    assert decode(folder / "source.png").shape == (2 + 2 * 34, 2 + 34, 3)


def test_a_protocol_has_its_own_size_and_an_upper_bound(evaluate):
    told = json.loads(evaluate("one", "--protocol", "sized", "--json").out)
    assert (told["choices"]["size"], told["choices"]["made_at"]) == ([48, 48], [32, 32])
    assert 0 < told["numbers"]["l1"]["upper_bound"] < told["numbers"]["l1"]["value"], "resizing alone loses something"
    assert "48 x 48 (made at 32 x 32)" in evaluate("one", "--protocol", "sized").out


def test_a_protocols_policy_goes_before_the_runs_and_set_before_both(evaluate):
    told = json.loads(evaluate("one", "--protocol", "policed", "--json").out)
    assert told["choices"]["inference"] == {"dropout": False, "norm": "running"}
    told = json.loads(evaluate("one", "--protocol", "policed", "--set", "inference.norm=batch", "--json").out)
    assert told["choices"]["inference"] == {"dropout": False, "norm": "batch"}


@pytest.mark.slow
def test_every_choice_is_in_the_hash(evaluate):
    def of(*arguments):
        return json.loads(evaluate("one", "--protocol", "plain", *arguments, "--json").out)["hash"]

    changed = [
        ("--size", "40"),
        ("--split", "train"),
        ("--set", "metrics.ssim.window=7"),
        ("--set", "inference.dropout=false"),
    ]
    hashes = [of(), *(of(*each) for each in changed)]
    assert len(set(hashes)) == 5
    assert of() == hashes[0]


def test_what_is_not_installed_is_left_out_and_said(evaluate):
    told = json.loads(evaluate("one", "--protocol", "partly", "--json").out)
    assert list(told["numbers"]) == ["l1"]
    few, lacking = told["notes"]
    assert few.startswith("only 4 pictures, and 100 are wanted")
    assert lacking == "lacking is left out: the weights are not here. Get them."
    done = evaluate("one", "--protocol", "nothing")
    assert done.code == 8
    assert "the weights are not here" in done.err


def test_two_folders_may_want_a_third(evaluate, desk):
    evaluate("one", "--pictures", "--protocol", "moving")
    album = desk / "runs/one/evaluation/step-000002-pictures"
    done = evaluate(album / "prediction", album / "target", "--protocol", "moving", "-o", "out")
    assert done.code == 2
    assert "--source DIR" in done.err
    given = ("--source", album / "source", "-o", "out")
    assert evaluate(album / "prediction", album / "target", "--protocol", "moving", *given).code == 0


def test_exact_class_numbers_come_from_the_data_set_or_a_third_folder(evaluate, desk):
    """Cityscapes has them, in full size and under the ids of its own files."""
    (desk / "numbers").mkdir()
    for index in (0, 1):
        Image.fromarray(np.full((64, 64), 7 + 4 * index, np.uint8)).save(desk / "numbers" / f"square-{index}.png")
    given = ("--protocol", "numbers", "--json")
    told = json.loads(evaluate("one", "--dataset", "labelled", "--pictures", *given).out)
    assert told["numbers"]["number"]["value"] == 9.0
    assert "labelled" in told["evaluated"]
    album = desk / "runs/one/evaluation/step-000002-pictures"
    shutil.copytree(album / "target", desk / "squares", ignore=lambda _, names: [n for n in names if "square" not in n])
    assert "--labels DIR" in evaluate(desk / "squares", desk / "squares", *given).err
    told = json.loads(evaluate(desk / "squares", desk / "squares", "--labels", "numbers", "-o", "out", *given).out)
    assert told["numbers"]["number"]["value"] == 9.0


@pytest.mark.slow
def test_without_a_protocol_pictures_get_the_one_for_pictures(evaluate):
    assert json.loads(evaluate("one", "--json").out)["protocol"] == "image"
    assert list(json.loads(evaluate("one", "--protocol", "own", "--json").out)["numbers"]) == ["l1"]


def test_several_protocols_make_a_list(evaluate):
    told = json.loads(evaluate("one", "--protocol", "plain", "--protocol", "sized", "--json").out)
    assert [t["protocol"] for t in told] == ["plain", "sized"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("one", "--protocol", "plian"), 2, "did you mean 'plain'"),
        (("one", "two", "one"), 2, "one run, or two folders"),
        (("one", "two"), 3, "no such folder"),
        (("runs/one", "runs/two"), 2, "runs/one is a run"),
        (("runs", "pairs/val"), 3, "have no partner"),
        (("nowhere",), 4, "no run or checkpoint 'nowhere'"),
        (("one", "--size", "0"), 2, "must be one number, or height and width"),
        (("one", "--size", "3,x"), 2, "must be one number, or height and width"),
        (("one", "--grid", "8"), 2, "--grid '8': must be columns and rows"),
        (("one", "--grid", "0x3"), 2, "1 to 100 of each"),
        (("one", "--grid", "101x1"), 2, "1 to 100 of each"),
        (("one", "--grid", "-1x2"), 2, "1 to 100 of each"),
        (("one", "--grid", "6x6@0"), 2, "--grid 8x1, or --grid 6x6@32"),
        (("one", "--grid", ""), 2, "1 to 100 of each"),
        (("one", "--source", "pairs"), 2, "go with two folders"),
        (("pairs/val", "pairs/val", "--split", "val"), 2, "--split goes with a run"),
        (("one", "--protocol", "plain", "--set", "metrics.sim.window=3"), 2, "did you mean 'ssim'"),
        (("one", "--protocol", "plain", "--set", "metrics.ssim.windw=3"), 2, "did you mean 'window'"),
        (("one", "--protocol", "plain", "--set", "metrics.ssim.window=0"), 2, "metrics.ssim.window 0"),
        (("one", "--set", "generator.width=8"), 2, "a trained model has this for good"),
        (("one", "--dataset", "./nowhere"), 3, "does not exist"),
        (("one", "--data-root", "nowhere"), 2, "root"),
    ],
)
def test_what_cannot_be_is_refused_in_one_message(evaluate, arguments, code, words):
    done = evaluate(*arguments)
    assert done.code == code, done.err
    assert words in done.err
    assert "Traceback" not in done.err
    assert len(done.err.strip().splitlines()) <= 3


def test_pictures_without_a_partner_are_named(evaluate, desk, tmp_path):
    for folder, names in (("a", "xy"), ("b", "xyz")):
        (tmp_path / folder).mkdir()
        for name in names:
            Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / folder / f"{name}.png")
    done = evaluate(tmp_path / "a", tmp_path / "b", "--protocol", "sized")
    assert done.code == 3
    assert f"1 of 3 pictures in {tmp_path / 'b'} have no partner in {tmp_path / 'a'}: z" in done.err


def test_folders_may_differ_in_suffix_ending_depth_and_size(evaluate, tmp_path):
    """As other programs write them: X_fake_B.png beside X_real_B.png; 16 bits; half the size."""
    random = np.random.default_rng(0)
    for folder in ("fake", "real"):
        (tmp_path / folder).mkdir()
    for name in "xy":
        low = random.integers(0, 256, (16, 16), dtype=np.uint8)
        Image.fromarray(low).save(tmp_path / "fake" / f"{name}_fake_B.bmp")
        deep = np.kron(low, np.ones((2, 2))).astype(np.uint16) * 257
        Image.fromarray(deep).save(tmp_path / "real" / f"{name}_real_B.png")
    done = evaluate(tmp_path / "fake", tmp_path / "real", "--protocol", "plain", "-o", tmp_path / "out")
    assert done.code == 3
    assert "16 x 16 pixels, its target 32 x 32" in done.err
    assert "--size" in done.err
    given = ("--protocol", "sized", "--size", "32", "-o", tmp_path / "out", "--json")
    told = json.loads(evaluate(tmp_path / "fake", tmp_path / "real", *given).out)
    assert told["numbers"]["l1"]["value"] == pytest.approx(0, abs=1e-6), "enlarged by the nearest pixel they are equal"


@pytest.mark.slow
def test_compare_sets_beside_each_other_only_what_was_measured_alike(evaluate, cli):
    for name in ("one", "two"):
        assert evaluate(name, "--protocol", "plain").code == 0
    whole = json.loads(cli("compare", "one", "two", "--json").out)
    tables = [run["evaluations"]["plain v2"] for run in whole["runs"]]
    assert tables[0]["hash"] == tables[1]["hash"]
    out = cli("compare", "one", "two").out
    assert "\nplain v2\n" in out
    better = min((0, 1), key=lambda i: tables[i]["numbers"]["l1"]["value"])
    [row] = [line for line in out.split("\nplain v2\n")[1].split("\n\n")[0].splitlines() if line.startswith("l1")]
    assert row.split().index("*") == (3 if better else 2)
    assert "checkpoint" in out.split("\nplain v2\n")[1].split("\n\n")[0]
    assert out.count("step-000002") >= 2, "which checkpoint was measured"
    evaluate("two", "--protocol", "plain", "--size", "40")
    assert "plain v2: not measured alike" in cli("compare", "one", "two").out


def folders(top, sizes, *, difference=9):
    """Two folders of grey pictures of these sides, which differ by so many levels."""
    for folder, level in (("fake", 100 + difference), ("real", 100)):
        (top / folder).mkdir()
        for number, side in enumerate(sizes):
            Image.fromarray(np.full((side, side, 3), level, np.uint8)).save(top / folder / f"{number}.png")
    return top / "fake", top / "real"


def test_a_protocol_without_a_number_says_why(evaluate, tmp_path):
    """A distance of two sets needs two pictures."""
    two = folders(tmp_path, [16])
    for arguments in ([], ["--json"]):
        done = evaluate(*two, "--protocol", "sets", "-o", tmp_path, *arguments)
        assert done.code == 3
        assert "protocol sets has no number: spread has no number for a single picture" in done.err
        assert len(done.err.strip().splitlines()) <= 3
    assert not list(tmp_path.glob("sets-*"))


@pytest.mark.slow
def test_a_metric_with_a_least_size_is_left_out_alone(evaluate, tmp_path):
    told = json.loads(evaluate(*folders(tmp_path, [16, 10]), "--protocol", "image", "-o", tmp_path, "--json").out)
    assert list(told["numbers"])[:2] == ["l1", "psnr"]
    assert not {"ssim", "ms_ssim", "lpips_alex"} & told["numbers"].keys()
    assert "ssim is left out: it needs pictures of 11 px and more, and one has 10 x 10" in told["notes"]
    assert "ms-ssim is left out: it needs pictures of 161 px and more, and one has 10 x 10" in told["notes"]
    with Path(told["table"]).open(newline="") as file:
        assert [row["ssim"] != "" for row in csv.DictReader(file)] == [True, False], "an empty cell: not measured"


def test_equal_pictures_have_a_psnr_of_inf_in_json_and_table(evaluate, tmp_path):
    told = json.loads(evaluate(*folders(tmp_path, [16], difference=0), "--protocol", "plain", "--json").out)
    psnr = told["numbers"]["psnr"]
    assert (psnr["value"], psnr["low"], psnr["upper_bound"]) == ("inf", None, None)
    with Path(told["table"]).open(newline="") as file:
        assert [row["psnr"] for row in csv.DictReader(file)] == ["inf"]
    assert "  psnr     inf" in evaluate(tmp_path / "fake", tmp_path / "real", "--protocol", "plain").out


@pytest.mark.slow
def test_options_that_are_not_the_default_are_in_the_name_of_the_number(evaluate, desk):
    seven = ("one", "--protocol", "plain", "--set", "metrics.ssim.window=7")
    told = json.loads(evaluate(*seven, "--json").out)
    assert list(told["numbers"]) == ["l1", "psnr", "ssim[window=7]"]
    assert told["numbers"]["ssim[window=7]"]["higher_is_better"]
    with (desk / told["table"]).open(newline="") as file:
        assert next(csv.reader(file)) == ["picture", "l1", "psnr", "ssim[window=7]"]
    assert "\n  ssim[window=7]  " in evaluate(*seven).out
    same = json.loads(evaluate("one", "--protocol", "plain", "--set", "metrics.ssim.padding=same", "--json").out)
    assert list(same["numbers"]) == ["l1", "psnr", "ssim_same"], "this name tells the option already"


@pytest.fixture(scope="module")
def label_run(desk):
    """A run from photos to label maps of four classes, of which 3 is in no picture; 255 at the left is void."""
    random = np.random.default_rng(0)
    for index in range(4):
        for side in "AB":
            (desk / "landuse" / side).mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(desk / f"landuse/A/{index}.png")
        classes = random.integers(0, 3, (32, 32), dtype=np.uint8)
        classes[:, :4] = 255
        Image.fromarray(classes).save(desk / f"landuse/B/{index}.png")
    data = ComponentRef("folder", {"path": str(desk / "landuse"), "labels": "target", "classes": 4, "void": 255})
    made = job(
        desk / "runs" / "maps", {"train.steps": "1", "data.direction": "AtoB", "generator.dropout": "0"}, dataset=data
    )
    trainer.fit(made)
    run_dir.finish(made.run.folder, status="finished", step=1, code=0)
    run_dir.unlock(made.run.folder)
    return "maps"


@pytest.mark.slow
def test_a_run_to_label_maps_is_measured_by_its_classes(evaluate, label_run):
    done = evaluate(label_run, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["protocol"] == "labels"
    names = list(told["numbers"])
    assert names[:2] == ["mean_iou", "pixel_accuracy"]
    assert {"iou_0", "iou_1", "iou_2"} <= set(names)
    assert told["notes"][0].startswith("mean_iou is over ")
    assert "Note: mean_iou is over " in evaluate(label_run).out


@pytest.mark.slow
def test_metrics_of_pictures_are_left_out_for_label_maps(evaluate, label_run):
    told = json.loads(evaluate(label_run, "--protocol", "image", "--json").out)
    assert list(told["numbers"]) == ["l1"]
    assert "psnr is left out: it compares pictures and data, and the targets are class numbers" in told["notes"]
    done = evaluate(label_run, "--protocol", "aerial-map")
    assert done.code == 0
    assert "pixel-accuracy is left out" in done.out
    done = evaluate(label_run, "--protocol", "lab-histogram")
    assert done.code == 2
    assert "protocol lab-histogram: lab-histogram: it compares pictures, and the targets are class numbers" in done.err


@pytest.mark.slow
def test_what_translate_writes_is_measured_as_the_run_itself(evaluate, cli, label_run, desk):
    def rows(*arguments):
        done = evaluate(*arguments, "--json")
        assert done.code == 0, done.err
        with Path(json.loads(done.out)["table"]).open(newline="") as file:
            return {Path(row["picture"]).name: float(row["mean_iou"]) for row in csv.DictReader(file)}

    of_run = rows(label_run)
    assert cli("translate", "maps", "landuse/A", "-o", "translated").code == 0
    of_folders = rows("translated", "landuse/B", "--protocol", "labels", "--void", 255, "-o", "out")
    assert len(of_folders) == 4
    assert {key: of_folders[key] for key in of_run} == pytest.approx(of_run)


def test_a_protocol_can_be_looked_up(evaluate, cli):
    assert "three numbers" in cli("-p", "mine.py", "list", "protocols").out
    page = cli("-p", "mine.py", "list", "protocol", "sized").out
    assert "version 1; compared at 48 x 48; resized by nearest; split val" in page
    assert "metrics:\n  l1" in page
