import json
import re

import numpy as np
import pytest
from small import job, plugins

from imtrans import hookimpl
from imtrans.engine import loop
from imtrans.engine.observers import Observers
from imtrans.interfaces import Sample
from imtrans.kit.images import decode
from imtrans_observers.report import line_through
from imtrans_observers.samples import grid


class Witness:
    """Writes down what it is told."""

    def __init__(self, fail_at=None):
        self.heard, self.fail_at = [], fail_at

    def note(self, event, **values):
        self.heard.append((event, values))
        if event == self.fail_at:
            raise RuntimeError("I have seen enough")

    @hookimpl
    def imtrans_run_started(self, run):
        self.note("run_started", folder=run.folder.name, exists=run.folder.is_dir(), steps=run.steps)

    @hookimpl
    def imtrans_logged(self, run, step, values):
        self.note("logged", step=step, names=sorted(values))

    @hookimpl
    def imtrans_evaluated(self, run, step, metrics, samples):
        self.note("evaluated", step=step, names=sorted(metrics), shapes=[s.prediction.shape for s in samples])

    @hookimpl
    def imtrans_checkpoint_saved(self, run, step, path):
        self.note("checkpoint_saved", step=step, is_whole=(path / "MANIFEST.json").exists())

    @hookimpl
    def imtrans_run_finished(self, run, error):
        self.note("run_finished", error=error)


def watched(tmp_path, witness, settings=None):
    made = job(
        tmp_path / "run", {"metrics": '["l1"]', "train.log_every": "2", "train.sample_every": "3", **(settings or {})}
    )
    made.observers._manager.register(witness, name="witness")
    return made


def heard(tmp_path, event):
    witness = Witness()
    loop.fit(watched(tmp_path, witness))
    return [values for name, values in witness.heard if name == event]


def test_hook_imtrans_run_started(tmp_path):
    assert heard(tmp_path, "run_started") == [{"folder": "run", "exists": True, "steps": 5}]


def test_hook_imtrans_logged(tmp_path):
    names = ["adversarial", "discriminator", "reconstruction"]
    assert heard(tmp_path, "logged") == [{"step": s, "names": names} for s in (1, 2, 4, 5)]


def test_hook_imtrans_evaluated(tmp_path):
    first, last = heard(tmp_path, "evaluated")
    assert first == {"step": 3, "names": [], "shapes": [(32, 32, 3)] * 2}
    assert last == {"step": 5, "names": ["l1", "l1_of_mean_picture"], "shapes": [(32, 32, 3)] * 2}


def test_hook_imtrans_checkpoint_saved(tmp_path):
    assert heard(tmp_path, "checkpoint_saved") == [{"step": 5, "is_whole": True}]


def test_hook_imtrans_run_finished(tmp_path):
    assert heard(tmp_path, "run_finished") == [{"error": None}]


def test_run_finished_is_heard_after_a_failure_too(tmp_path):
    witness = Witness()
    made = watched(tmp_path, witness)
    made.model.method.train_step = None
    with pytest.raises(TypeError) as caught:
        loop.fit(made)
    assert witness.heard[-1] == ("run_finished", {"error": caught.value})


def test_an_observer_that_fails_is_left_out_with_one_warning_and_training_goes_on(tmp_path, capsys):
    witness = Witness(fail_at="logged")
    result = loop.fit(watched(tmp_path, witness))
    assert result.step == 5
    assert [name for name, _ in witness.heard] == ["run_started", "logged"]
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Warning")]
    assert warnings == ["Warning: observer witness failed and is left out: RuntimeError: I have seen enough"]


def test_nobody_is_told_twice(tmp_path):
    witness = Witness()
    manager = plugins().manager
    manager.register(witness, name="witness")
    Observers(manager).notify("logged", run=job(tmp_path / "r").run, step=1, values={"a": 1.0})
    assert len(witness.heard) == 1


def test_a_run_leaves_log_grids_report_and_configuration(tmp_path):
    made = watched(tmp_path, Witness())
    loop.fit(made)
    folder = made.run.folder
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(n["split"], n["step"]) for n in lines] == [
        ("train", 1),
        ("train", 2),
        ("train", 4),
        ("train", 5),
        ("val", 5),
    ]
    assert sorted(p.name for p in (folder / "samples").iterdir()) == ["step-000003.png", "step-000005.png"]
    page = (folder / "report.html").read_text()
    assert "l1 (val)" in page or "mean training picture" in page
    assert "data:image/png;base64," in page
    assert not re.search(r"(src|href)=.https?://", page), "a report must open without a network"
    assert "generator.width" in page
    assert "# --set" not in (folder / "config.toml").read_text()
    assert 'name = "unet256"  # recipe pix2pix' in (folder / "config.toml").read_text()


def test_a_number_that_is_not_finite_is_null_in_the_log(tmp_path):
    from imtrans_observers.log import MetricsLog

    made = job(tmp_path / "run")
    MetricsLog().imtrans_logged(made.run, 1, {"a": float("nan"), "b": 2.0})
    line = json.loads((made.run.folder / "metrics.jsonl").read_text())
    assert (line["a"], line["b"]) == (None, 2.0)


def test_the_grid_shows_source_prediction_and_target_side_by_side(tmp_path):
    panels = [np.full((8, 8, 3), v, np.uint8) for v in (10, 20, 30)]
    picture = grid([Sample(key="a", source=panels[0], prediction=panels[1], target=panels[2])])
    scale = 16
    assert picture.shape == (8 * scale + 8, 3 * (8 * scale + 8), 3)
    middle = picture[picture.shape[0] // 2, :, 0]
    assert [int(middle[i * (8 * scale + 8) + 20]) for i in range(3)] == [10, 20, 30]
    made = watched(tmp_path, Witness())
    loop.fit(made)
    assert decode(made.run.folder / "samples" / "step-000005.png").ndim == 3


def test_a_curve_spans_its_box():
    corners = line_through([(0, 1.0), (5, 3.0), (10, 2.0)], width=100, height=50)
    assert corners == "0.0,50.0 50.0,0.0 100.0,25.0"


def test_progress_without_a_terminal_is_plain_lines(tmp_path, capsys):
    made = watched(tmp_path, Witness())
    loop.fit(loop.Job(**{**made.__dict__, "run": type(made.run)(**{**made.run.__dict__, "is_quiet": False})}))
    told = capsys.readouterr()
    assert told.out == ""
    assert "step 1/5" in told.err
    assert "left" in told.err
    assert "\x1b" not in told.err
