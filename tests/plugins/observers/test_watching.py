"""What observers leave on disk: a log that outlives a full disk, grids, a time-lapse, TensorBoard; and going back."""

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from factories import config, job
from PIL import Image, ImageSequence

from imtrans import atomic_io
from imtrans.errors import NotInstalledError
from imtrans.interfaces import Run, Sample
from imtrans.kit.report import samples as shelf
from imtrans.kit.report.samples import SampleGrid
from imtrans_observers import timelapse
from imtrans_observers.buffered_writer import MAX_LINES, BufferedLog, Throttle
from imtrans_observers.log import MetricsLog
from imtrans_observers.samples import SampleGrids
from imtrans_observers.text_log import TextLog


@pytest.fixture(scope="module")
def settings():
    return config({"metrics": '["psnr", "l1"]'})


@pytest.fixture
def run(tmp_path, settings):
    return Run(folder=tmp_path, config=settings, steps=1000, numbers={"psnr": True})


def steps(path):
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def picture(value):
    return np.full((16, 16, 3), value, np.uint8)


def samples(value, *, worst=0):
    usual = [
        Sample(key=str(i), source=picture(10), prediction=picture(value), target=picture(240), scores={"psnr": 9.0})
        for i in range(2)
    ]
    bad = [
        Sample(
            key=f"w{i}",
            source=picture(1),
            prediction=picture(2),
            target=picture(3),
            scores={"psnr": 1.0 + i},
            is_worst=True,
        )
        for i in range(worst)
    ]
    return usual + bad


class Full(atomic_io.Disk):
    """A disk that takes some bytes of each append and then says that it is full, as disks do."""

    is_full = True

    def append(self, path, text):
        if self.is_full:
            super().append(path, text[:7])
            raise OSError(28, "No space left on device")
        super().append(path, text)


@pytest.fixture
def full(monkeypatch):
    disk = Full()
    monkeypatch.setattr(atomic_io, "disk", disk)
    return disk


def test_lines_wait_in_memory_while_the_disk_is_full_and_are_written_afterwards(run, full, capsys):
    full.is_full = False
    log = MetricsLog()
    log.imtrans_run_started(run)
    log.imtrans_logged(run, 10, {"a": 1.0})
    full.is_full = True
    for step in (20, 30):
        log.imtrans_logged(run, step, {"a": 1.0})
    log.imtrans_evaluated(run, 30, {"psnr": 20.0}, [])
    assert steps(run.folder / "metrics.jsonl") == [10], "and no half line"
    full.is_full = False
    log.imtrans_logged(run, 40, {"a": 1.0})
    assert steps(run.folder / "metrics.jsonl") == [10, 20, 30, 30, 40]
    told = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(told) == 1
    assert told[0].startswith(f"Warning: {run.folder / 'metrics.jsonl'}: cannot be written: No space left on device; ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device that is always full is Linux's")
def test_a_really_full_device_stops_nothing(run, capsys):
    path = run.folder / "metrics.jsonl"
    path.symlink_to("/dev/full")
    log = MetricsLog()
    log.imtrans_run_started(run)
    log.imtrans_logged(run, 10, {"a": 1.0})
    log.imtrans_checkpoint_saved(run, 10, run.folder)
    path.unlink()
    log.imtrans_logged(run, 20, {"a": 1.0})
    assert steps(path) == [10, 20]
    assert capsys.readouterr().err.count("Warning") == 1


def test_no_more_than_10000_lines_wait_and_the_loss_is_told(run, full, capsys):
    lines = BufferedLog(run.folder / "metrics.jsonl")
    full.append = lambda path, text: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    for step in range(MAX_LINES + 5):
        lines._waiting.append((step, "x")) if step < MAX_LINES - 1 else lines.add(step, f"{step}")
    lines.close()
    assert len(lines._waiting) == MAX_LINES
    assert lines.lost == 5
    assert "10,005 lines could not be written and are lost" in capsys.readouterr().err


def test_waiting_lines_of_steps_that_a_run_went_back_before_are_not_written(run, full):
    lines = BufferedLog(run.folder / "x")
    for step in (10, 20, 30):
        lines.add(step, str(step))
    full.is_full = False
    lines.add(15, "15")
    assert (run.folder / "x").read_text() == "10\n15\n"


def test_the_log_is_brought_to_the_disk_with_each_checkpoint(run, monkeypatch):
    synced = []

    class Noting(atomic_io.Disk):
        def sync(self, path):
            super().sync(path)
            synced.append(path.name)

    monkeypatch.setattr(atomic_io, "disk", Noting())
    log = MetricsLog()
    log.imtrans_run_started(run)
    log.imtrans_logged(run, 10, {"a": 1.0})
    assert synced == []
    log.imtrans_checkpoint_saved(run, 10, run.folder)
    assert synced == ["metrics.jsonl"]


def test_log_txt_says_when_what_happened_and_why_it_ended(run):
    notes = TextLog()
    notes.imtrans_run_started(run)
    notes.imtrans_logged(run, 1, {"a": 1.0, "health.lr.x": 0.1})
    notes.imtrans_checkpoint_saved(run, 5, run.folder / "step-000005")
    notes.imtrans_run_finished(run, RuntimeError("the roof\nfell in \x1b[31m"))
    lines = (run.folder / "log.txt").read_text().splitlines()
    assert all(re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ  step [\d,]+  \S", line) for line in lines)
    assert lines[-1].endswith(r"ended early: the roof fell in \x1b[31m")
    assert "  step 1  a 1" in lines[1]


def test_grids_of_later_steps_are_set_aside_when_a_run_goes_on_from_before(run, settings):
    grids = SampleGrids()
    for step in (100, 200, 300):
        grids.imtrans_evaluated(run, step, {"psnr": 1.0}, samples(step // 2, worst=1))
    timelapse.write(run.folder)
    grids.imtrans_run_started(Run(folder=run.folder, config=settings, steps=1000, start=200))
    assert list(shelf.grids(run.folder)) == [100, 200]
    assert [p.name for p in (run.folder / "samples" / "discarded").iterdir()] == ["step-000300.png"]
    assert not (run.folder / "samples" / "worst.png").exists()
    assert not (run.folder / "samples" / timelapse.NAME).exists()


def test_grids_are_set_aside_when_a_run_goes_back_by_itself(run):
    grids = SampleGrids()
    for step in (100, 200, 300, 150):
        grids.imtrans_evaluated(run, step, {}, samples(50))
    assert list(shelf.grids(run.folder)) == [100, 150]


def test_the_worst_pictures_are_kept_with_what_they_were_chosen_by(run):
    SampleGrids().imtrans_evaluated(run, 100, {"psnr": 1.0}, samples(50, worst=3))
    worst = shelf.load(run.folder / "samples" / "worst.png")
    assert (worst.step, worst.by, worst.higher_is_better) == (100, "psnr", True)
    assert [s.scores["psnr"] for s in worst.samples] == [1, 2, 3]
    assert [s.key for s in shelf.newest(run.folder).samples] == ["0", "1"]


def frames(path):
    with Image.open(path) as film:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]


def test_the_film_has_a_frame_for_each_sample_with_its_three_panels(run):
    for step, value in ((1, 30), (2, 90), (3, 160)):
        shelf.save(shelf.path_of(run.folder, step), SampleGrid(step=step, samples=samples(value)))
    made = frames(timelapse.write(run.folder))
    assert len(made) == 3
    for frame, value in zip(made, (30, 90, 160), strict=True):
        row = frame[timelapse.HEAD + 96]
        middles = [int(row[4 + 96 + i * 196, 0]) for i in range(3)]
        assert np.abs(np.array(middles) - (10, value, 240)).max() <= 6, "source, prediction, target"
    assert made[0].shape == (24 + 2 * 196, 3 * 196 + 4, 3)


def test_a_long_film_is_thinned_evenly_between_its_ends():
    paths = [Path(str(i)) for i in range(1000)]
    chosen = [int(p.name) for p in timelapse.thinned(paths, 60)]
    assert (len(chosen), chosen[0], chosen[-1]) == (60, 0, 999)
    assert {b - a for a, b in pairwise(chosen)} <= {16, 17}


def test_one_grid_makes_no_film_and_a_broken_one_is_left_out(run):
    shelf.save(shelf.path_of(run.folder, 1), SampleGrid(step=1, samples=samples(30)))
    (run.folder / "samples" / "step-000002.png").write_bytes(b"broken")
    assert timelapse.write(run.folder) is None


def test_the_film_is_made_anew_only_where_a_grid_has_come(run):
    for step in (1, 2):
        shelf.save(shelf.path_of(run.folder, step), SampleGrid(step=step, samples=samples(30 * step)))
    timelapse.refresh(run.folder)
    film = run.folder / "samples" / timelapse.NAME
    before = film.stat().st_mtime_ns
    timelapse.refresh(run.folder)
    assert film.stat().st_mtime_ns == before
    shelf.save(shelf.path_of(run.folder, 3), SampleGrid(step=3, samples=samples(99)))
    timelapse.refresh(run.folder)
    assert len(frames(film)) == 3


def test_a_folder_that_cannot_be_written_is_told_once_and_tried_again(run, capsys):
    (run.folder / "samples").write_text("in the way")
    grids = SampleGrids()
    for step in (1, 2):
        grids.imtrans_evaluated(run, step, {}, samples(50))
    assert capsys.readouterr().err.count("Warning") == 1
    (run.folder / "samples").unlink()
    grids.imtrans_evaluated(run, 3, {}, samples(50))
    assert list(shelf.grids(run.folder)) == [3]


def test_work_keeps_below_its_share_of_the_time():
    pace = Throttle(0.0)
    assert pace.is_due
    with pace.measured():
        sum(range(300_000))  # some milliseconds
    assert not pace.is_due


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_tracker_that_is_asked_for_and_missing_is_refused_before_the_run(name, tmp_path, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *more: None if n == name else found(n, *more))
    with pytest.raises(NotInstalledError, match=f"observer '{name}': {name} is not installed") as caught:
        job(tmp_path / "run", {"observers": name})
    assert caught.value.hint == f'Install it: python -m pip install "imtrans[{name}]"'
    assert not (tmp_path / "run").exists()


def test_trackers_are_chosen_by_key_or_flag(cli):
    def rows(*arguments):
        out = cli("run", "pix2pix", "--dry-run", *arguments).out
        return [line.split()[0] for line in out.splitlines() if line.startswith("observers")]

    assert rows() == ["observers"]
    assert rows("--tensorboard") == ["observers.tensorboard"]
    both = ["observers.wandb", *(f"observers.wandb.{k}" for k in ("project", "entity", "mode"))]
    assert rows("--set", "observers=wandb") == both
    assert rows("--set", "observers=wandb", "--tensorboard", "--set", "observers.wandb.mode=offline") == [
        *both,
        "observers.tensorboard",
    ]
    wrong = cli("run", "pix2pix", "--dry-run", "--set", "observers=tensorbord")
    assert (wrong.code, "did you mean 'tensorboard'?" in wrong.err) == (2, True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_gets_the_numbers_and_a_resumed_run_is_the_same_one(run, monkeypatch):
    pytest.importorskip("wandb")
    from imtrans_observers.wandb import WandbObserver

    for _ in range(2):
        tracker = WandbObserver(mode="offline")
        tracker.imtrans_run_started(run)
        for step, value in ((10, 1.0), (20, 2.0), (15, 9.0)):
            tracker.imtrans_logged(run, step, {"a": value, "health.waiting": 0.5})
        tracker.imtrans_evaluated(run, 15, {"psnr": 20.0, "psnr_of_mean_image": 9.0}, samples(50, worst=1))
        assert tracker._run.summary["val/psnr"] == 20.0
        assert "val/psnr_of_mean_image" not in dict(tracker._run.summary)
        tracker.imtrans_run_finished(run, None)
    made = json.loads((run.folder / "wandb.json").read_text())["id"]
    assert len(list(run.folder.glob(f"wandb/offline-run-*-{made}"))) >= 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_the_same_numbers_and_forgets_what_a_run_went_back_before(run, monkeypatch):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from imtrans_observers.tensorboard import TensorBoardObserver

    board = TensorBoardObserver()
    board.imtrans_run_started(run)
    for step, value in ((10, 1.0), (20, 2.0), (30, 3.0), (15, 9.0)):
        board.imtrans_logged(run, step, {"a": value, "health.waiting": 0.5})
    board.imtrans_evaluated(run, 15, {"psnr": 20.0, "psnr_of_mean_image": 9.0}, samples(50, worst=1))
    board.imtrans_run_finished(run, None)
    found = EventAccumulator(str(run.folder / "tensorboard"))
    found.Reload()
    assert [(e.step, e.value) for e in found.Scalars("train/a")] == [(10, 1.0), (15, 9.0)]
    assert sorted(found.Tags()["scalars"]) == ["health/waiting", "train/a", "val/psnr"]
    assert sorted(found.Tags()["images"]) == ["samples", "worst"]
