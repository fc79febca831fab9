"""The disk refuses an operation: what was saved stays, and training continues or ends with 5."""

import errno
import os

import pytest
from crash_disk import Failing
from factories import job, pairs

from imtrans import atomic_io
from imtrans.engine.checkpoints import checkpoint_paths, state
from imtrans.engine.training import trainer
from imtrans.engine.training.checkpoint_saver import CheckpointSaver
from imtrans.errors import ResourceError

ERRORS = ["ENOSPC", "EIO", "EDQUOT", "EROFS", "EMFILE"]
SAVES = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("data") / "pairs", train=2, val=1)


@pytest.fixture
def made(tmp_path, data):
    chosen = job(
        tmp_path / "run", {"generator.width": "2", "discriminator.width": "2", "train.keep_last": "2"}, dataset=data
    )
    state.seed(0)
    return chosen


def saves(made, disk):
    """Four saves on this disk; the steps that were told to be saved, and whether training was ended."""
    keeper, done = CheckpointSaver(made), []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(atomic_io, "disk", disk)
        for step in range(1, SAVES + 1):
            made.progress.step = step
            try:
                if keeper.save():
                    done.append(step)
            except ResourceError:
                return done, True
    return done, False


def operations(made):
    counting = Failing(10**9, 0, for_ever=False)
    saves(made, counting)
    return counting.count


def check(made, place, name, *, for_ever):
    for old in made.run.folder.glob("*step-*"):
        atomic_io.remove_folder(old)
    done, is_over = saves(made, Failing(place, getattr(errno, name), for_ever=for_ever))
    folder = made.run.folder
    left = [p.name for p in folder.iterdir() if ".tmp" in p.name or ".trash" in p.name]
    assert not left, (place, left)
    newest = checkpoint_paths.newest(folder)
    # Where only the last fsync was refused, the checkpoint is there, but nobody promised it.
    assert (checkpoint_paths.step_of(newest) if newest else 0) >= (done[-1] if done else 0), (place, done)
    assert is_over == (for_ever and SAVES - len(done) >= 3), (place, done)
    if not for_ever:
        assert len(done) >= SAVES - 1, place


@pytest.mark.slow
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
def test_a_refused_operation_costs_one_checkpoint_at_most(made, for_ever, capsys):
    """Every fifth operation here, and the errors in turn; all of them in the slow test."""
    count = operations(made)
    assert count > 40
    for place in range(1, count + 1, 5):
        check(made, place, ERRORS[place // 5 % len(ERRORS)], for_ever=for_ever)
    assert "training continues, and saves again later" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
def test_every_operation_with_every_error(made, name, for_ever):
    for place in range(1, operations(made) + 1):
        check(made, place, name, for_ever=for_ever)


def test_s01_a_full_disk_is_said_and_training_ends_after_the_third_time(tmp_path, data, monkeypatch, capsys):
    made = job(tmp_path / "run", {"train.save_every": "1", "metrics": "[]", "train.steps": "6"}, dataset=data)
    monkeypatch.setattr(atomic_io.Disk, "free", lambda self, folder: 0 if (folder / "step-000001").exists() else 10**12)
    with pytest.raises(ResourceError, match=r"needs [\d.]+ MB, has 0.0 MB") as caught:
        trainer.fit(made)
    assert "Make room" in caught.value.hint
    assert capsys.readouterr().err.count("training continues") == 2
    assert checkpoint_paths.newest(tmp_path / "run").name == "step-000001"


@pytest.mark.skipif(os.name == "nt", reason="limits a file's size as Unix does")
def test_s01_a_real_refusal_in_the_midst_of_the_weights_costs_one_checkpoint(made, capsys):
    """By the system, in the library that writes them: files may not grow beyond a few kilobytes for a while."""
    import resource

    keeper, (soft, hard) = CheckpointSaver(made), resource.getrlimit(resource.RLIMIT_FSIZE)
    made.progress.step = 1
    assert keeper.save()
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, hard))
    try:
        made.progress.step = 2
        assert keeper.save() is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "training continues, and saves again later" in capsys.readouterr().err
    assert not [p.name for p in made.run.folder.iterdir() if ".tmp" in p.name]
    made.progress.step = 3
    assert keeper.save()
    assert [checkpoint_paths.step_of(p) for p in checkpoint_paths.newest_first(made.run.folder)] == [3, 1]


def test_s16_a_run_folder_that_is_taken_away_ends_the_run_without_a_trace_of_it(tmp_path, data):
    made = job(tmp_path / "run", {"train.save_every": "1", "metrics": "[]"}, dataset=data)
    os.rename(tmp_path / "run", tmp_path / "elsewhere")
    with pytest.raises(ResourceError, match="was taken away during training"):
        trainer.fit(made)
    assert not list(tmp_path.glob("run/step-*"))
