"""report.html: one file, whole, small, without a network; and what a resumed run makes of it."""

import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from factories import config, go_on, job, pairs

from imtrans.engine.training import trainer
from imtrans.interfaces import Run, Sample
from imtrans.kit.report import metric_history
from imtrans.kit.report import samples as shelf
from imtrans_observers.report import Report

TRAINED = {"metrics": '["psnr", "l1"]', "train.log_every": "2", "train.sample_every": "3", "train.evaluate_every": "4"}


class Page(HTMLParser):
    """Its links, its pictures, what it shows, and tags that were not closed."""

    VOID = ("meta", "img", "input", "br", "line")

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.pictures, self.words, self.charts = [], [], [], "", None
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.links += [v for k, v in given.items() if k in ("src", "href", "data", "action", "poster") and v]
        self.pictures += [given] if tag == "img" else []
        if tag not in self.VOID:
            self.open.append((tag, given.get("id")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == ("script", "charts"):
            self.charts = json.loads(data)
        elif self.open and self.open[-1][0] not in ("script", "style"):
            self.words += data


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    top = tmp_path_factory.mktemp("report")
    settings = {**TRAINED, "train.steps": "8", "train.save_every": "4"}
    made = job(top / "run", settings, dataset=pairs(top / "pairs", val=10))
    trainer.fit(made)
    return made.run


def report(run):
    return (run.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_needs_nothing_but_itself(trained):
    text = report(trained)
    assert not re.search(r"https?:|//[a-z]", re.sub(r"data:[a-z/]+;base64,[A-Za-z0-9+/=]+", "", text))
    assert "@import" not in text
    links = Page(text).links
    assert links
    assert all(link.startswith("data:image/") for link in links)
    assert len(text) < 3_000_000


@pytest.mark.slow
def test_the_page_has_every_section(trained):
    page = Page(report(trained))
    for words in ("Samples at step 8", "Validation at step 8", "Curves", "Time-lapse", "Configuration", "Environment"):
        assert words in page.words
    assert "The worst of all validation pictures at step 8" in page.words
    assert "By psnr (higher is better), the worst first." in page.words
    assert "too early to tell" in page.words
    assert "mean training picture" in page.words
    assert "generator.width" in page.words
    assert "torch==" in page.words
    assert "What the numbers mean" in page.words
    assert "100 x l1: mean absolute difference. The weight is in the number." in page.words
    assert "higher is better, without any weight" in page.words
    assert f"imtrans translate {trained.folder}@best PICTURES -o OUT" in page.words
    assert "It was made by" in page.words


def test_the_curves_are_those_of_the_log(trained):
    charts = {(c["group"], c["title"]): c for c in Page(report(trained)).charts}
    past = metric_history.read(trained.folder)
    drawn = charts["losses", "reconstruction"]["series"][0]["points"]
    assert [x for x, _ in drawn] == [1, 2, 4, 6, 8]
    assert [y for _, y in drawn] == pytest.approx(list(past.column("reconstruction").values), rel=1e-4)
    assert [x for x, _ in charts["metrics", "psnr"]["series"][0]["points"]] == [4, 8]
    names = {s["name"] for s in charts["health", "length of the gradients"]["series"]}
    assert names == {"generator", "discriminator"}


def test_every_picture_can_be_compared_by_mouse_and_keyboard(trained):
    text, page = report(trained), Page(report(trained))
    enlarged = re.findall(r'<button type="button" class="still" title="(\w+) of [^"]+: enlarge"', text)
    assert enlarged == ["source", "prediction", "target"] * (2 + 8)
    assert text.count('value="source"> slider over the source') == 2
    assert all(p.get("alt") is not None for p in page.pictures)


def test_the_worst_pictures_come_worst_first(trained):
    worst = shelf.load(trained.folder / "samples" / "worst.png")
    scores = [s.scores["psnr"] for s in worst.samples]
    assert scores == sorted(scores)
    assert len(scores) == 8
    [last] = list(metric_history.read(trained.folder).column("psnr", "val").values)[-1:]
    assert sum(scores) / 8 < last, "without the two best of ten the mean is lower"


def test_a_run_that_ended_early_says_why(tmp_path):
    made = job(tmp_path / "run", TRAINED, dataset=pairs(tmp_path / "pairs"))
    made.model.method.train_step = None
    with pytest.raises(TypeError):
        trainer.fit(made)
    assert "ended early: " in Page(report(made.run)).words


def test_names_from_outside_cannot_break_the_page(tmp_path):
    run = Run(folder=tmp_path, config=config(), steps=10, facts={"pair": "<script>alert(1)</script>"})
    picture = np.zeros((8, 8, 3), np.uint8)
    watcher = Report()
    watcher.imtrans_run_started(run)
    watcher.imtrans_logged(run, 1, {"</script><b>": 1.0})
    evil = Sample(key='"><img src=x onerror=alert(1)>', source=picture, prediction=picture, target=picture)
    watcher.imtrans_evaluated(run, 1, {}, [evil])
    page = Page(report(run))
    assert "<script>alert(1)</script>" in page.words
    assert page.charts[0]["title"] == "</script><b>"
    assert all(p["src"].startswith("data:") for p in page.pictures)


def test_the_page_is_not_rewritten_more_often_than_every_20_seconds_but_at_the_end(tmp_path):
    run = Run(folder=tmp_path, config=config(), steps=10)
    picture = np.zeros((8, 8, 3), np.uint8)
    watcher = Report()
    watcher.imtrans_run_started(run)
    for step in (1, 2, 3):
        watcher.imtrans_evaluated(run, step, {}, [Sample(key="a", source=picture, prediction=picture)])
    assert "Samples at step 1" in Page(report(run)).words
    watcher.imtrans_run_finished(run, None)
    assert "Samples at step 3" in Page(report(run)).words


@pytest.mark.slow
def test_a_page_of_many_large_pictures_stays_small(tmp_path):
    run = Run(folder=tmp_path, config=config(), steps=10)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    watcher = Report()
    watcher.imtrans_run_started(run)
    many = [Sample(key=str(i), source=noise, prediction=noise, target=noise, is_worst=i > 7) for i in range(12)]
    watcher.imtrans_evaluated(run, 1, {}, many)
    assert 500_000 < len(report(run)) < 3_000_000


@pytest.mark.slow
def test_a_resumed_run_goes_on_with_the_same_page(tmp_path):
    """Stopped after step 8 of 12 with a checkpoint at 4: what came after it is made anew, and is there once."""
    settings = {
        **TRAINED,
        "train.steps": "8",
        "train.save_every": "4",
        "train.evaluate_every": "never",
        "train.keep_last": "5",
    }
    dataset = pairs(tmp_path / "pairs")
    made = job(tmp_path / "run", settings, dataset=dataset)
    trainer.fit(made)
    folder = made.run.folder
    shutil.rmtree(folder / "step-000008")
    again = go_on(folder, {**settings, "train.steps": "12"}, dataset=dataset)
    assert again.run.start == 4
    page = Report()
    page.imtrans_run_started(again.run)
    assert page._pictures.fixed.step == 3, "before it has made any of its own"
    trainer.fit(again)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [n["step"] for n in lines if n["split"] == "train"] == [1, 2, 4, 6, 8, 10, 12]
    assert list(shelf.grids(folder)) == [3, 6, 9, 12]
    assert sorted(p.name for p in (folder / "samples" / "discarded").iterdir()) == [
        "step-000006.png",
        "step-000008.png",
    ]
    told = Page(report(again.run))
    assert "Resumed 1 time" in told.words
    losses = next(c for c in told.charts if c["title"] == "reconstruction")
    assert [x for x, _ in losses["series"][0]["points"]] == [1, 2, 4, 6, 8, 10, 12]


def test_a_roll_back_in_the_same_process_leaves_nothing_of_the_steps_that_are_gone(tmp_path):
    run = Run(folder=tmp_path, config=config(), steps=10)
    picture = np.zeros((8, 8, 3), np.uint8)
    watcher = Report()
    watcher.imtrans_run_started(run)
    for step in (10, 20, 30, 15, 25):
        watcher.imtrans_logged(run, step, {"a": float(step)})
        if step == 30:
            watcher.imtrans_evaluated(run, 30, {"psnr": 1.0}, [Sample(key="a", source=picture, prediction=picture)])
    watcher.imtrans_run_finished(run, None)
    page = Page(report(run))
    assert [x for x, _ in page.charts[0]["series"][0]["points"]] == [10, 15, 25]
    assert len(page.charts) == 1
    assert page.pictures == []
