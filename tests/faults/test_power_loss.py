"""The power is cut between any two operations of saving; and the protocol's every piece is needed for it to hold."""

import contextlib
import json
import random
import shutil

import pytest
from crash_disk import Recording, lay_out, replay

from imtrans import atomic_io
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.errors import CheckpointError

SAVES = 5


def contents(step):
    return {"model.safetensors": b"weights " * 5 + str(step).encode(), "state.json": b'{"step": %d}' % step}


def save(folder, step, *, keep):
    """A checkpoint as the engine writes one, and the record beside it."""
    with atomic_io.staged_folder(folder / f"step-{step:06}") as stage:
        for name, content in contents(step).items():
            atomic_io.write_file(stage / name, lambda path, content=content: path.write_bytes(content))
    assert not atomic_io.faults(folder / f"step-{step:06}")
    checkpoint_paths.prune(folder, keep=keep)
    atomic_io.replace_text(folder / "run.json", json.dumps({"step": step}))


def recorded(folder, monkeypatch, *, keep):
    """The operations of five saves, with a note where each was told to be done."""
    folder.mkdir(parents=True)
    disk = Recording(folder)
    monkeypatch.setattr(atomic_io, "disk", disk)
    for step in range(1, SAVES + 1):
        save(folder, step, keep=keep)
        disk.done.append(("note", step))
    monkeypatch.undo()
    return disk.done


def bad_states(operations, place, *, states, seed):
    """Every bad state among so many after each operation: (after how many operations, what is wrong)."""
    rng = random.Random(seed)
    for count in range(len(operations) + 1):
        before = operations[:count]
        committed = max((path for kind, path, *_ in before if kind == "note"), default=0)
        disk = replay(before)
        for _ in range(states):
            shutil.rmtree(place, ignore_errors=True)
            lay_out(disk, place, rng)
            yield from ((count, fault) for fault in faults_of(place, committed))


def faults_of(folder, committed):
    whole = {checkpoint_paths.step_of(p): p for p in checkpoint_paths.newest_first(folder) if not atomic_io.faults(p)}
    for step, path in whole.items():
        if any((path / n).read_bytes() != c if (path / n).exists() else True for n, c in contents(step).items()):
            yield f"step {step} counts as whole and is not"
    found = None
    with contextlib.suppress(CheckpointError):
        found = checkpoint_paths.newest(folder)
    newest = checkpoint_paths.step_of(found) if found else 0
    if newest < committed:
        yield f"step {committed} was saved, and {newest} is left"
    told = (folder / "run.json").read_bytes() if (folder / "run.json").exists() else b""
    if committed and told not in [b'{"step": %d}' % s for s in range(committed, SAVES + 1)]:
        yield f"run.json is {told!r} after step {committed}"


def sweep(tmp_path, monkeypatch, *, keep, states, seed=0):
    operations = recorded(tmp_path / f"run-{keep}", monkeypatch, keep=keep)
    return list(bad_states(operations, tmp_path / "state", states=states, seed=seed))


@pytest.mark.slow
@pytest.mark.parametrize("keep", [1, 2, 3])
def test_no_cut_of_the_power_loses_or_spoils_a_checkpoint(keep, tmp_path, monkeypatch):
    assert sweep(tmp_path, monkeypatch, keep=keep, states=3) == []


@pytest.mark.slow
@pytest.mark.parametrize("keep", [1, 2, 3])
def test_no_cut_does_so_in_any_of_many_states(keep, tmp_path, monkeypatch):
    assert sweep(tmp_path, monkeypatch, keep=keep, states=25, seed=1) == []


def without(name, is_meant=lambda path: True):
    """The recording disk with one kind of operation left out."""

    def spoil(monkeypatch):
        done = getattr(Recording, name)
        monkeypatch.setattr(Recording, name, lambda self, path: None if is_meant(path) else done(self, path))

    return spoil


def without_manifest(monkeypatch):
    monkeypatch.setattr(atomic_io, "faults", lambda folder: [])


MUTANTS = {
    "files are not synced": without("sync", lambda path: path.name in contents(0)),
    "the manifest is not synced": without("sync", lambda path: path.name == atomic_io.MANIFEST),
    "records are not synced": without("sync", lambda path: "run.json" in path.name),
    "the staged folder is not synced": without("sync_folder", lambda path: path.name.endswith(".tmp")),
    "the run's folder is not synced": without("sync_folder", lambda path: not path.name.endswith(".tmp")),
    "no manifest is asked for": without_manifest,
}


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_any_piece_of_the_protocol_the_sweep_fails(mutant, tmp_path):
    with pytest.MonkeyPatch.context() as spoiled, pytest.MonkeyPatch.context() as recording:
        MUTANTS[mutant](spoiled)
        assert sweep(tmp_path, recording, keep=1, states=4)
