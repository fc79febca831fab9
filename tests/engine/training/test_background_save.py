"""Checkpoints that are written beside the training: the state of their step, and nothing lost where writing fails."""

import threading

import pytest
import torch
from factories import go_on, job, pairs
from safetensors.torch import load_file

from imtrans import atomic_io
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.checkpoints.content import CheckpointContent
from imtrans.engine.checkpoints.copy_buffer import CopyBuffer
from imtrans.engine.training import trainer
from imtrans.errors import ResourceError

BESIDE = {"train.speedups": '["auto", "background-save"]'}
SETTINGS = {"train.steps": "12", "train.save_every": "3", "train.keep_last": "9", "train.evaluate_every": "5"}
SETTINGS |= {"train.sample_every": "99", "train.num_samples": "1", "metrics": "l1"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("data") / "pairs", train=4, val=2)


@pytest.fixture
def slowly(monkeypatch):
    """Writing begins when three more steps have been taken, or something waits for it; in which threads it was."""
    threads, write, began = [], CheckpointContent.write, threading.Event()

    def slow(content):
        threads.append(threading.current_thread().name)
        began.wait(0.3)
        return write(content)

    monkeypatch.setattr(CheckpointContent, "write", slow)
    return threads


def trained(folder, data, **settings):
    made = job(folder, SETTINGS | settings, dataset=data)
    return trainer.fit(made), made


def tensors(folder):
    return {f"{p.parent.name}/{p.name}": load_file(p) for p in sorted(folder.glob("step-*/*.safetensors"))}


@pytest.mark.slow
def test_each_holds_the_state_of_its_step(tmp_path, data, slowly):
    trained(tmp_path / "beside", data, **BESIDE)
    assert any(name.startswith("checkpoint") for name in slowly)
    slowly.clear()
    trained(tmp_path / "between", data, **{"train.speedups": "none"})
    assert not any(name.startswith("checkpoint") for name in slowly)
    found, expected = tensors(tmp_path / "beside"), tensors(tmp_path / "between")
    assert {name.split("/")[0] for name in found} == {f"step-{n:06}" for n in (3, 6, 9, 12)}
    assert found.keys() == expected.keys()
    for name, of_file in found.items():
        # Only Adam may differ: without speedups it is not the fused one, which rounds otherwise.
        torch.testing.assert_close(of_file, expected[name], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_run_resumed_from_one_ends_as_the_run_itself(tmp_path, data, slowly):
    trained(tmp_path / "run", data, **BESIDE)
    wanted = tensors(tmp_path / "run")["step-000012/model.safetensors"]
    for step in (9, 12):
        atomic_io.remove_folder(tmp_path / "run" / f"step-{step:06}")
    on = go_on(tmp_path / "run", SETTINGS | BESIDE, dataset=data)
    assert on.progress.step == 6
    trainer.fit(on)
    found = load_file(tmp_path / "run" / "step-000012" / "model.safetensors")
    assert all(torch.equal(found[name], value) for name, value in wanted.items())


def failing(monkeypatch, *, times):
    """The first writes of this many fail as on a full disk."""
    write, left = CheckpointContent.write, [times]

    def write_or_fail(content):
        left[0] -= 1
        if left[0] >= 0:
            raise ResourceError("the disk is full")
        return write(content)

    monkeypatch.setattr(CheckpointContent, "write", write_or_fail)


@pytest.mark.slow
def test_training_goes_on_where_one_fails(tmp_path, data, monkeypatch, capsys):
    failing(monkeypatch, times=2)
    result, _ = trained(tmp_path / "run", data, **BESIDE, **{"train.evaluate_every": "99"})
    assert result.step == 12
    steps = [checkpoint_paths.step_of(p) for p in checkpoint_paths.newest_first(tmp_path / "run")]
    assert steps == [12, 9]
    assert capsys.readouterr().err.count("the disk is full; training continues") == 2


@pytest.mark.slow
def test_the_third_failure_in_a_row_ends_the_run(tmp_path, data, monkeypatch):
    failing(monkeypatch, times=99)
    with pytest.raises(ResourceError, match="the disk is full"):
        trained(tmp_path / "run", data, **BESIDE)


@pytest.mark.slow
def test_a_failed_write_of_the_end_is_tried_again(tmp_path, data, monkeypatch):
    """The last state is written while the last evaluation runs; where that fails it is written once more."""
    failing(monkeypatch, times=1)
    settings = {"train.save_every": "never", "train.evaluate_every": "99", **BESIDE}
    result, _ = trained(tmp_path / "run", data, **settings)
    assert result.checkpoint.name == "step-000012"
    assert not atomic_io.faults(result.checkpoint)


def test_a_copy_has_memory_of_its_own(tmp_path):
    weight = torch.arange(6.0).reshape(2, 3)
    moments = {"half": weight.bfloat16(), "turned": weight.t(), "none": torch.zeros(0), "number": torch.tensor(5)}
    content = CheckpointContent(
        folder=tmp_path / "step-000001",
        tensors={"model.safetensors": {"weight": weight}, "optimizer.safetensors": moments},
        metadata={"model.safetensors": {"key": "value"}},
        state="{}",
    )
    copied = CopyBuffer().copy(content)
    assert copied.size == content.size
    weight += 100
    folder = copied.write()
    assert load_file(folder / "model.safetensors")["weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    found = load_file(folder / "optimizer.safetensors")
    assert found["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert (found["half"].dtype, found["none"].numel(), int(found["number"])) == (torch.bfloat16, 0, 5)
    assert not atomic_io.faults(folder)
