import json
import re
from pathlib import Path

import pytest
from factories import job, plugins

from imtrans import hookimpl
from imtrans.engine.training import trainer
from imtrans.engine.training.hooks import HookCaller
from imtrans.engine.training.job import TrainingJob
from imtrans.interfaces import Run
from imtrans.kit.report import metric_history
from imtrans_observers.console import Clock, Console
from imtrans_observers.log import MetricsLog


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
    trainer.fit(watched(tmp_path, witness))
    return [values for name, values in witness.heard if name == event]


@pytest.mark.slow
def test_hook_imtrans_run_started(tmp_path):
    assert heard(tmp_path, "run_started") == [{"folder": "run", "exists": True, "steps": 5}]


@pytest.mark.slow
def test_hook_imtrans_logged(tmp_path):
    told = heard(tmp_path, "logged")
    assert [t["step"] for t in told] == [1, 2, 4, 5]
    losses = [[n for n in t["names"] if not n.startswith("health.")] for t in told]
    assert losses == [["adversarial", "discriminator", "reconstruction"]] * 4
    players = [f"health.{what}.{who}" for what in ("gradient", "lr") for who in ("discriminator", "generator")]
    assert {"health.accuracy", "health.waiting", "health.skipped", *players} <= set(told[0]["names"])


@pytest.mark.slow
def test_hook_imtrans_evaluated(tmp_path):
    first, last = heard(tmp_path, "evaluated")
    assert first == {"step": 3, "names": [], "shapes": [(32, 32, 3)] * 2}
    assert last == {"step": 5, "names": ["l1", "l1_of_mean_image", "l1_on_training"], "shapes": [(32, 32, 3)] * (2 + 8)}


@pytest.mark.slow
def test_hook_imtrans_checkpoint_saved(tmp_path):
    assert heard(tmp_path, "checkpoint_saved") == [{"step": 5, "is_whole": True}]


@pytest.mark.slow
def test_hook_imtrans_run_finished(tmp_path):
    assert heard(tmp_path, "run_finished") == [{"error": None}]


def test_run_finished_is_heard_after_a_failure_too(tmp_path):
    witness = Witness()
    made = watched(tmp_path, witness)
    made.model.method.train_step = None
    with pytest.raises(TypeError) as caught:
        trainer.fit(made)
    assert witness.heard[-1] == ("run_finished", {"error": caught.value})


@pytest.mark.slow
def test_an_observer_that_fails_is_left_out_with_one_warning_and_training_goes_on(tmp_path, capsys):
    witness = Witness(fail_at="logged")
    result = trainer.fit(watched(tmp_path, witness))
    assert result.step == 5
    assert [name for name, _ in witness.heard] == ["run_started", "logged"]
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Warning")]
    assert warnings == ["Warning: observer witness failed and is left out: RuntimeError: I have seen enough"]


def test_nobody_is_told_twice(tmp_path):
    witness = Witness()
    manager = plugins().manager
    manager.register(witness, name="witness")
    HookCaller(manager).notify("logged", run=job(tmp_path / "r").run, step=1, values={"a": 1.0})
    assert len(witness.heard) == 1


@pytest.mark.slow
def test_a_run_leaves_log_grids_report_and_configuration(tmp_path):
    made = watched(tmp_path, Witness())
    trainer.fit(made)
    folder = made.run.folder
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(n["split"], n["step"]) for n in lines] == [
        ("train", 1),
        ("train", 2),
        ("train", 4),
        ("train", 5),
        ("val", 5),
    ]
    names = ["step-000003.png", "step-000005.png", "timelapse.webp", "worst.png"]
    assert sorted(p.name for p in (folder / "samples").iterdir()) == names
    assert "generator.width" in (folder / "report.html").read_text()
    log = (folder / "log.txt").read_text()
    assert re.findall(r"step 5  (validation|saved|finished)", log) == ["validation", "saved", "finished"]
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["step"], summary["verdict"]["name"]) == (5, "too early to tell")
    assert summary["facts"]["parameters"].startswith("generator ")
    assert "# --set" not in (folder / "config.toml").read_text()
    assert 'name = "unet256"  # recipe pix2pix' in (folder / "config.toml").read_text()


def test_the_log_has_infinity_as_text_and_nothing_for_what_was_not_measured(tmp_path):
    made = job(tmp_path / "run")
    MetricsLog().imtrans_logged(made.run, 1, {"a": float("nan"), "b": 2.0, "c": float("inf")})
    line = json.loads((made.run.folder / "metrics.jsonl").read_text())
    assert (line["a"], line["b"], line["c"]) == (None, 2.0, "inf")
    assert metric_history.read(made.run.folder).last("train")["c"] == float("inf")


@pytest.mark.slow
def test_progress_without_a_terminal_is_plain_lines(tmp_path, capsys):
    made = watched(tmp_path, Witness())
    trainer.fit(TrainingJob(**{**made.__dict__, "run": type(made.run)(**{**made.run.__dict__, "is_quiet": False})}))
    told = capsys.readouterr()
    assert told.out == ""
    assert "step 1/5" in told.err
    assert "left" in told.err
    assert "\x1b" not in told.err


def spoken(tmp_path, capsys, **told):
    """What the console says of a run of 1,000 steps whose hooks are called by hand."""
    run = Run(folder=tmp_path / "run", config=job(tmp_path / "run").run.config, steps=1000, **told)
    console = Console()
    console.imtrans_run_started(run)
    capsys.readouterr()
    return run, console


def test_the_console_shows_losses_and_a_word_of_health_only(tmp_path, capsys):
    run, console = spoken(tmp_path, capsys)
    values = {"adversarial": 0.7, "health.lr.generator": 2e-4, "health.gradient.generator": 3.0, "health.waiting": 0.1}
    console.imtrans_logged(run, 1000, values)
    line = capsys.readouterr().err
    assert line.startswith("step 1,000/1,000  adversarial 0.7  ")
    assert "health" not in line
    assert len(line) < 120


def test_rate_and_remaining_time_of_a_resumed_run_count_from_its_start(tmp_path, capsys):
    run, console = spoken(tmp_path, capsys, start=900)
    console.imtrans_logged(run, 901, {"a": 1.0})
    rate = float(re.search(r"([\d.]+) steps/s", capsys.readouterr().err)[1])
    console._clock._at -= 100  # as if it had begun that much earlier
    assert rate > 0
    assert console._clock.rate(950) == pytest.approx(0.5, rel=0.01)


def test_the_rate_begins_anew_where_a_run_goes_back_to_a_checkpoint():
    clock = Clock(0)
    clock._at -= 100
    clock.reached(500)
    assert clock.rate(500) == pytest.approx(5, rel=0.01)
    clock.reached(200)
    clock._at -= 10
    assert clock.rate(300) == pytest.approx(10, rel=0.01)


def test_the_verdict_is_the_consoles_last_line(tmp_path, capsys):
    run, console = spoken(tmp_path, capsys)
    console.imtrans_run_finished(run, None)
    assert capsys.readouterr().err.startswith("Verdict: too early to tell: ")


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "colour"), [("20", "1"), ("80", None)], ids=["20 without colours", "80"])
def test_the_bar_fits_the_terminal(tmp_path, columns, colour):
    """In a terminal of its own: no line is longer than it is wide, and NO_COLOR leaves no colours."""
    words, width = on_a_terminal(tmp_path, columns, colour), int(columns)
    assert "Verdict" in words
    drawn = [line for line in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", words).split("\n") if "/5" in line]
    assert drawn
    assert max(len(line.replace("\r", "")) for line in drawn) <= width
    if colour:
        assert not re.search(r"\x1b\[(3\d|38;|9\d)", words)


def on_a_terminal(tmp_path, columns, colour):
    import os
    import pty
    import subprocess
    import sys

    code = (
        "from imtrans_observers.console import Console; from imtrans.interfaces import Run; from pathlib import Path\n"
        "from factories import config\n"
        "run, console = Run(folder=Path('run'), config=config(), steps=5), Console()\n"
        "console.imtrans_run_started(run)\n"
        "for step in range(1, 6):\n"
        "    losses = {n: 0.123456 for n in ('discriminator', 'adversarial', 'reconstruction')}\n"
        "    console.imtrans_logged(run, step, losses)\n"
        "console.imtrans_run_finished(run, None)\n"
    )
    environment = {**os.environ, "COLUMNS": columns, "TERM": "xterm-256color"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    environment.pop("NO_COLOR", None)
    environment |= {"NO_COLOR": colour} if colour else {}
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=environment, cwd=tmp_path) as process:
        os.close(theirs)
        told = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            told += part
    os.close(ours)
    assert process.returncode == 0
    return told.decode()
