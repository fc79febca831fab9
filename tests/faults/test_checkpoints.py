"""Table 2D of the catalogue: checkpoints and model files that are broken, incomplete, foreign or hostile (exit 4)."""

import json
import os
import random
import shutil
import struct
import sys
import time
from pathlib import Path

import pytest
import torch
from factories import SMALL, config, go_on, job, pairs
from safetensors.torch import load_file, save_file

import imtrans
from imtrans import atomic_io
from imtrans.engine.checkpoints import checkpoint_paths, io
from imtrans.engine.checkpoints import resume as resuming
from imtrans.engine.data.sampler import Position
from imtrans.engine.training import trainer
from imtrans.errors import CheckpointError, ConfigError, ImtransError

PARTS = ("model.safetensors", "optimizer.safetensors", "rank-000.safetensors", "state.json")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("data") / "pairs", train=4, val=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data):
    """A run of four steps with a checkpoint after two and after four."""
    folder = tmp_path_factory.mktemp("trained") / "runs" / "mine"
    kept = {"train.keep_last": "2"}
    trainer.fit(job(folder, {"train.steps": "4", "train.save_every": "2", "metrics": "l1", **kept}, dataset=data))
    return folder


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    """A copy of it, as runs/mine below the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    shutil.copytree(trained, tmp_path / "runs" / "mine")
    (tmp_path / "runs" / "mine" / ".lock").unlink()
    return tmp_path / "runs" / "mine"


def seal(folder: Path) -> None:
    """Give a folder the manifest of what it holds now: whoever changes files on purpose can do that, too."""
    (folder / atomic_io.MANIFEST).unlink(missing_ok=True)
    files = {
        p.name: {"bytes": p.stat().st_size, "sha256": atomic_io.digest(p)} for p in folder.iterdir() if p.is_file()
    }
    (folder / atomic_io.MANIFEST).write_text(json.dumps({"files": files}))


def changed(folder: Path, change) -> None:
    """Change state.json, and seal the folder again."""
    state = json.loads((folder / "state.json").read_text())
    change(state)
    (folder / "state.json").write_text(json.dumps(state))
    seal(folder)


def resume(run, data, **told):
    return go_on(run, {"train.steps": "6", "train.save_every": "2", "metrics": "l1"}, dataset=data, **told)


@pytest.mark.slow
def test_c01_a_missing_run_names_those_there_are(run, cli):
    for command in (["resume", "mime"], ["translate", "mime", "x.png", "-o", "y.png"], ["rerun", "mime"]):
        ended = cli(*command)
        assert ended.code == 4
        assert "no run or checkpoint 'mime'; did you mean 'mine'?" in ended.err


def test_c02_and_c05_a_run_goes_on_from_the_one_before_a_broken_checkpoint_and_says_so(run, data, capsys):
    (run / "step-000004" / atomic_io.MANIFEST).write_text("{")
    made = resume(run, data)
    assert made.progress.step == 2
    assert "step-000004: MANIFEST.json cannot be read; the one before it is taken" in capsys.readouterr().err
    (run / "step-000002" / atomic_io.MANIFEST).unlink()
    with pytest.raises(CheckpointError, match=r"step-000004: MANIFEST.json cannot be read"):
        checkpoint_paths.newest(run)


@pytest.mark.parametrize("part", PARTS)
def test_c03_a_cut_file_is_named_with_its_bytes(part, run):
    file = run / "step-000004" / part
    size = file.stat().st_size
    os.truncate(file, size // 2)
    with pytest.raises(CheckpointError, match=rf"{part} has {size // 2:,} of {size:,} bytes") as caught:
        checkpoint_paths.find(run / "step-000004")
    assert "step-000002" in caught.value.hint


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_c04_each_of_many_flipped_bits_is_found(count, run):
    """In places all over all files that the manifest tells of."""
    rng, folder = random.Random(4), run / "step-000004"
    whole = {p: p.read_bytes() for p in folder.iterdir() if p.name != atomic_io.MANIFEST}
    found = 0
    for number in range(count):
        path = rng.choice([*whole])
        spoilt = bytearray(whole[path])
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        path.write_bytes(spoilt)
        fault = atomic_io.faults(folder)
        found += fault == [f"{path.name} was changed (sha256 differs)"]
        path.write_bytes(whole[path])
        assert found == number + 1, (path, fault)


def header(content: bytes, size: int | None = None) -> bytes:
    return struct.pack("<Q", len(content) if size is None else size) + content


def tensor(name="generator.x", dtype="F32", shape=(1,), offsets=(0, 4)) -> str:
    return json.dumps({name: {"dtype": dtype, "shape": shape, "data_offsets": offsets}})


HEADERS = {
    "empty": b"",
    "half a length": b"\1\0\0",
    "length of 2^63": header(b"{}", 1 << 63),
    "length over 100 MB": header(b"{}", 101_000_000),
    "length beyond the file": header(b"{}", 1000),
    "no JSON": header(b"not json"),
    "not UTF-8": header(b"\xff\xfe{}"),
    "offsets beyond the file": header(tensor(offsets=(0, 400)).encode()) + bytes(4),
    "overlap": header(
        json.dumps({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in ("a", "b")}).encode()
    )
    + bytes(4),
    "a hole": header(tensor(offsets=(4, 8)).encode()) + bytes(8),
    "trailing bytes": header(tensor().encode()) + bytes(40),
    "unknown dtype": header(tensor(dtype="F33").encode()) + bytes(4),
    "shape overflow": header(tensor(shape=(2**62, 2**62)).encode()) + bytes(4),
    "shape against offsets": header(tensor(shape=(7,)).encode()) + bytes(4),
    "no card": header(tensor().encode()) + bytes(4),
    "card of nothing": header(json.dumps({"__metadata__": {"imtrans": "[]"}}).encode()),
    "card without a format": header(json.dumps({"__metadata__": {"imtrans": "{}"}}).encode()),
    "nested card": header(json.dumps({"__metadata__": {"imtrans": "[" * 50_000}}).encode()),
    "card of wrong kinds": header(
        json.dumps(
            {"__metadata__": {"imtrans": json.dumps({"format": 2, "imtrans": 1, "config": 3, "signals": []})}}
        ).encode()
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADERS)
def test_c06_and_c07_malformed_headers_are_refused_at_once(name, run):
    folder = run / "step-000004"
    (folder / "model.safetensors").write_bytes(HEADERS[name])
    seal(folder)
    began = time.process_time()
    with pytest.raises(CheckpointError, match="step-000004"):
        imtrans.load(folder, device="cpu")
    assert time.process_time() - began < 1


@pytest.mark.slow
@pytest.mark.parametrize("part", ["optimizer.safetensors", "rank-000.safetensors"])
@pytest.mark.parametrize("name", ["empty", "length of 2^63", "no JSON", "overlap", "no card"])
def test_malformed_state_is_refused_as_well(name, part, run, data):
    folder = run / "step-000004"
    (folder / part).write_bytes(HEADERS[name])
    seal(folder)
    with pytest.raises(CheckpointError, match="step-000004") as caught:
        resume(run, data)
    assert "--resume-weights-only" in caught.value.hint or "Another one is whole" in caught.value.hint


def test_c08_weights_that_are_not_finite_are_refused_by_name(run):
    folder = run / "step-000004"
    file = folder / "model.safetensors"
    tensors = load_file(file)
    name = next(k for k in tensors if k.startswith("generator") and tensors[k].dim() == 4)
    tensors[name][0, 0, 0, 0] = float("nan")
    save_file(tensors, file, metadata=metadata(run / "step-000002"))
    seal(folder)
    with pytest.raises(CheckpointError, match=f"{name} holds values that are not finite") as caught:
        imtrans.load(folder, device="cpu")
    assert "step-000002" in caught.value.hint


def metadata(folder):
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", framework="pt") as file:
        return file.metadata()


def test_c09_and_c10_another_architecture_or_width_is_named(run):
    folder = run / "step-000004"
    card = json.loads(metadata(folder)["imtrans"])
    for key, value, fault in (("width", 8, r"\d+ weights of generator"), ("depth", 2, r"\d+ weights of generator")):
        card["config"]["generator"] = {**card["config"]["generator"], key: value}
        save_file(load_file(folder / "model.safetensors"), folder / "model.safetensors", {"imtrans": json.dumps(card)})
        seal(folder)
        with pytest.raises(CheckpointError, match=fault) as caught:
            imtrans.load(folder, device="cpu")
        assert caught.value.what.count(", ") >= 2  # the first three of them


def test_c10_a_key_that_changes_the_network_is_named_before_anything_is_loaded(run, cli):
    ended = cli("resume", "mine", "--steps", "6", "--set", "generator.width=8")
    assert ended.code == 2
    assert "generator.width was 4 and is 8" in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS[1:3])
def test_c12_and_c13_a_missing_file_of_state_is_named_with_the_way_on(part, run, data):
    (run / "step-000004" / part).unlink()
    with pytest.raises(CheckpointError, match=f"{part} is missing"):
        checkpoint_paths.find(run / "step-000004")
    seal(run / "step-000004")
    with pytest.raises(CheckpointError, match="is missing") as caught:
        resume(run, data)
    assert caught.value.hint == "To resume with the weights alone: imtrans resume RUN --resume-weights-only"
    assert resume(run, data, weights_only=True).progress.step == 4


def keys(tree, path=()):
    """Every key of the nested tables in a state, but for the numbers of parameters and what they hold."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if path == ("ranks",) else ():
        yield (*path, key)
        if isinstance(value, dict | list) and key != "settings" and len(path) < 4:
            yield from keys(value, (*path, key))


def without(state, path):
    here = state
    for key in path[:-1]:
        here = here[key]
    del here[path[-1]]


@pytest.mark.slow
def test_row_12_each_key_of_the_state_is_missed_by_name_when_it_is_gone(run, data):
    folder = run / "step-000004"
    whole = (folder / "state.json").read_text()
    asked = [p for p in keys(json.loads(whole)) if p not in {("format",), ("step",)}]
    silent = []
    for path in asked:
        changed(folder, lambda state, path=path: without(state, path))
        complaint = refusal(lambda: resume(run, data))
        silent += [] if "step-000004" in complaint else [path]
        (folder / "state.json").write_text(whole)
    # What torch itself has a default for, counters of nothing, and what this run and machine do not have.
    excused = ("param_groups", "sums", "scaler", "averaged", "cuda")
    silent = [p for p in silent if not set(p) & set(excused)]
    assert not silent, silent
    assert len(asked) - len(silent) > 25


def refusal(call) -> str:
    """What a call complains of; empty when it does not."""
    try:
        call()
    except ImtransError as error:
        return error.what
    return ""


def test_c14_a_newer_format_says_how_to_get_it(run):
    folder = run / "step-000004"
    card = {**json.loads(metadata(folder)["imtrans"]), "format": 99, "imtrans": "9.1"}
    save_file(load_file(folder / "model.safetensors"), folder / "model.safetensors", {"imtrans": json.dumps(card)})
    seal(folder)
    with pytest.raises(CheckpointError, match=r"made by imtrans 9\.1, this is ") as caught:
        imtrans.load(folder, device="cpu")
    assert "pip install --upgrade imtrans" in caught.value.hint


@pytest.mark.slow
def test_c16_changed_pictures_are_counted_and_may_be_accepted(run, cli, data, tmp_path):
    copy = tmp_path / "pairs"
    shutil.copytree(data.options["path"], copy)
    line = ["resume", "mine", "--steps", "5", "--set", f"dataset.path={copy}"]
    (copy / "train" / "3.png").unlink()
    (copy / "train" / "new.png").write_bytes((copy / "train" / "0.png").read_bytes())
    (copy / "train" / "1.png").write_bytes((copy / "train" / "1.png").read_bytes() + b"more")
    before = {p: atomic_io.digest(p) for p in run.rglob("*") if p.is_file()}
    ended = cli(*line)
    assert ended.code == 4
    assert "1 added, 1 removed, 1 changed (1.png, 3.png, new.png)" in ended.err
    assert "--accept-dataset-change" in ended.err
    assert {p: atomic_io.digest(p) for p in run.rglob("*") if p.is_file()} == before
    assert cli(*line, "--accept-dataset-change", "--json").code == 0
    assert cli("resume", "mine", "--steps", "6", "--set", f"dataset.path={copy}", "--json").code == 0


@pytest.mark.parametrize(
    ("setting", "warning"),
    [
        ("data.batch_size=1", "data.batch_size was 2 and is 1"),
        ("train.seed=7", "train.seed was 0 and is 7"),
        ("data.size=40", "data.size was [32] and is [40]"),
        ("train.optimizer.lr=0.1", "train.optimizer.generator.lr was 0.0002 and is 0.1"),
    ],
)
def test_c17_what_breaks_exactness_is_a_warning_that_names_it(setting, warning, run, data):
    key, _, value = setting.partition("=")
    before = config({"train.steps": "6", "metrics": "l1"}, dataset=data)
    now = config({"train.steps": "6", "metrics": "l1", key: value}, dataset=data)
    lines = resuming.check(before, now)
    assert any(warning in line for line in lines), lines
    assert all(line.startswith("not the same run any more: ") for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["generator.depth=2", "method.order=simultaneous", "train.ema=0.9", "dataset=cad"])
def test_c17_what_breaks_the_meaning_is_refused(setting, data):
    key, _, value = setting.partition("=")
    small = {"dataset.pairs": ""} if key == "dataset" else {}
    now = config({**small, key: value}, dataset=None if key == "dataset" else data)
    with pytest.raises(ConfigError, match=r"this would be another run: ") as caught:
        resuming.check(config(dataset=data), now)
    assert caught.value.exit_code == 2


def test_another_length_is_named_and_what_it_does_to_a_schedule(data):
    before = config({"train.schedule": "linear"}, dataset=data)
    now = config({"train.schedule": "linear", "train.steps": "9"}, dataset=data)
    told = "the length of the run is changed from 5 steps to 9 steps, and so is its linear schedule"
    assert resuming.check(before, now) == [told]
    assert resuming.check(before, before) == []


def test_a_batch_of_another_size_goes_on_with_the_samples_that_are_left(run, data):
    made = go_on(run, {"train.steps": "6", "metrics": "l1", "data.batch_size": "1"}, dataset=data)
    assert made.progress.position == Position(epoch=2, seen=0)
    trainer.fit(made)
    assert checkpoint_paths.newest(run).name == "step-000006"


def test_c18_a_finished_run_says_so(run, cli):
    (run / "run.json").write_text(
        json.dumps({**json.loads((run / "run.json").read_text()), "status": "finished", "step": 4})
    )
    ended = cli("resume", "mine")
    assert ended.code == 0
    assert ended.out.startswith(f"{Path('runs/mine')} is already finished: 4 of 4 steps\nTo train it further: ")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_c23_a_folder_that_may_only_be_read_translates(run):
    (run / "step-000004").chmod(0o555)
    imtrans.load(run, device="cpu")


def test_c24_two_processes_never_write_one_run(run, cli):
    import subprocess

    sleeping = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        from imtrans.engine.runs import run_dir

        began = run_dir._began(sleeping.pid)
        lock = {"pid": sleeping.pid, "host": os.uname().nodename, "since": "yesterday", "began": began}
        (run / ".lock").write_text(json.dumps(lock))
        ended = cli("resume", "mine", "--steps", "6")
        assert ended.code == 2
        assert f"is being written by process {sleeping.pid} on {os.uname().nodename} since yesterday" in ended.err
        assert "--name" in ended.err
    finally:
        sleeping.communicate()
    assert cli("resume", "mine", "--steps", "5", "--json").code == 0  # it has ended: its lock counts for nothing
    assert not (run / ".lock").exists()


def test_c25_links_in_a_checkpoint_are_refused(run, tmp_path):
    file = run / "step-000004" / "model.safetensors"
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=r"model.safetensors is a link"):
        checkpoint_paths.find(run / "step-000004")


def test_c26_and_c27_the_step_orders_and_strays_are_ignored(run):
    for name in ("step-abc", "step-12.tmp-3", ".trash-step-000009.1", "step-", "step-000099.txt"):
        (run / name).mkdir()
    os.utime(run / "step-000002", (2e9, 2e9))
    os.utime(run / "step-000004", (1, 1))
    assert [p.name for p in checkpoint_paths.newest_first(run)] == ["step-000004", "step-000002"]


def test_leftovers_of_dead_processes_are_swept_when_a_run_goes_on(run, data):
    dead = 2**22 + 5  # beyond the largest number that Linux gives
    left = [run / f".step-000006.{dead}.tmp", run / f".trash-step-000000.{dead}"]
    for folder in left:
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
    (run / f".run.json.{dead}.tmp").write_text("half")
    resume(run, data)
    assert [p.name for p in run.iterdir() if p.name.startswith(".") and p.name != ".lock"] == []


def mutate(folder: Path, rng: random.Random) -> str:
    """One random change of a checkpoint folder."""
    path = rng.choice(sorted(p for p in folder.iterdir() if p.is_file()))
    content, kind = path.read_bytes(), rng.choice(["flip", "cut", "zero", "swap", "remove", "rename", "add", "insert"])
    place = rng.randrange(max(1, len(content)))
    spoilt = {
        "flip": lambda: content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))]) + content[place + 1 :],
        "cut": lambda: content[:place],
        "zero": lambda: content[:place] + bytes(min(64, len(content) - place)) + content[place + 64 :],
        "insert": lambda: content[:place] + rng.randbytes(7) + content[place:],
        "swap": lambda: rng.choice(sorted(p for p in folder.iterdir() if p.is_file())).read_bytes(),
    }
    if kind in spoilt:
        path.write_bytes(spoilt[kind]())
    elif kind == "remove":
        path.unlink()
    elif kind == "rename":
        path.rename(path.with_name("other.safetensors"))
    else:
        (folder / f"extra-{place}.safetensors").write_bytes(content[:place])
    return f"{kind} {path.name} at {place}"


@pytest.mark.parametrize(("count", "seed"), [(15, 1), pytest.param(1000, 2, marks=pytest.mark.slow)])
def test_no_mutation_of_a_checkpoint_gives_a_traceback_or_other_weights(count, seed, run, trained, data):
    """Half of them sealed again afterwards, as somebody with bad intent would."""
    rng, folder = random.Random(seed), run / "step-000004"
    wanted = atomic_io.digest(trained / "step-000004" / "model.safetensors")
    for number in range(count):
        shutil.rmtree(folder)
        shutil.copytree(trained / "step-000004", folder)
        what, is_sealed = mutate(folder, rng), number % 2
        if is_sealed:
            seal(folder)
        code, made = outcome(folder, run if number % 5 == 0 else None, data)
        (run / ".lock").unlink(missing_ok=True)
        assert code in (0, 4), what
        assert code or is_sealed or atomic_io.digest(folder / "model.safetensors") == wanted, what
        assert made is None or made.progress.step in (2, 4), what


def outcome(folder, run, data):
    """The exit code of loading a checkpoint and of going on with its run, and what came of the latter."""
    try:
        imtrans.load(checkpoint_paths.find(folder), device="cpu")
        return 0, resume(run, data) if run else None
    except ImtransError as error:
        return error.exit_code, None


def test_init_takes_what_fits_and_names_what_does_not(run, data, tmp_path):
    wider = {"train.init": str(run), "generator.pre_activation": "false", "discriminator.width": "8"}
    made = job(tmp_path / "next", wider, dataset=data)
    told = made.run.facts["resumed"]
    assert told.startswith(f"began with {run / 'step-000004' / 'model.safetensors'}; generator: ")
    assert "; discriminator: " in told
    assert "new are " in told
    save_file({"x": load_file(run / "step-000004" / "model.safetensors").popitem()[1]}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"none of its \d+ weights fits discriminator, generator"):
        job(tmp_path / "last", {"train.init": str(tmp_path / "x.safetensors")}, dataset=data)


def test_init_with_all_weights_begins_where_the_other_ended(run, data, tmp_path):
    made = job(tmp_path / "next", {"train.init": "mine"}, dataset=data)
    other = io.read_tensors(checkpoint_paths.weights_file(checkpoint_paths.find(run)))
    for name, network in made.model.networks.items():
        for key, value in network.state_dict().items():
            assert value.equal(other[f"{name}.{key}"]), key
    assert SMALL["train.steps"] == str(made.run.steps)


@pytest.mark.slow
def test_init_keeps_the_spectral_norm_of_the_file_and_estimates_it_where_there_is_none(run, data, tmp_path):
    spectral = {"discriminator.spectral_norm": "true"}
    trained = job(tmp_path / "trained", spectral, dataset=data).model.networks["discriminator"].state_dict()
    weights = {f"_orig_mod.discriminator.{k}": v * (1 if k.endswith(("_u", "_v")) else 3) for k, v in trained.items()}
    without = {k: v.clone() for k, v in weights.items() if not k.endswith(("_u", "_v"))}
    for name, tensors in (("whole", weights), ("without", without)):
        save_file(tensors, tmp_path / f"{name}.safetensors")
        init = {"train.init": str(tmp_path / f"{name}.safetensors"), "train.seed": "7"}
        network = job(tmp_path / name, {**spectral, **init}, dataset=data).model.networks["discriminator"].eval()
        state = network.state_dict()
        assert all(torch.equal(state[k], trained[k]) == (name == "whole") for k in state if k.endswith("_v"))
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d):
                largest = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0]
                assert largest.item() == pytest.approx(1, abs=0.01)
