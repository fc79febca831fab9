"""Several processes that train together: the same numbers as one, and a fault of one is the end of all.

Tables 2H of the catalogue (W04 to W10) and issue 4, item 5. Over gloo on the CPU, two processes on this machine.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from company import assert_equal_losses, company, data, line, losses
from factories import pairs

from imtrans.engine.checkpoints import checkpoint_paths

pytestmark = pytest.mark.slow


@pytest.fixture
def room(tmp_path):
    pairs(tmp_path / "pairs", train=10, val=3)  # 4, 4 and 2 in an epoch
    return tmp_path


ALIKE = {
    "batch norm": {},
    "simultaneous updates in parts": {"method.order": "simultaneous", "generator.norm": "instance"},
    "average of weights, clipping, a schedule": {
        "train.ema": "0.9",
        "train.clip_grad_norm": "1",
        "train.schedule": "linear",
    },
}


@pytest.mark.parametrize("kind", ALIKE)
def test_two_processes_give_the_losses_of_one(kind, room):
    more = data(room)
    two = [line("two", *more, **ALIKE[kind])] * 2
    alone, together = company(room, {"lines": [line("one", *more, **ALIKE[kind])]}, {"lines": two})
    assert (alone["codes"], together["codes"]) == ([0], [0, 0]), together["said"]
    assert_equal_losses(room, "one", "two")
    assert together["said"][1] == ""  # the first one speaks


def test_an_update_made_of_a_penalty_alone_is_shared_as_well(room):
    """WGAN-GP by a plugin, its penalty an update of its own, five of the critic's to one of the generator's."""
    sizes = {"train.steps": "4", "data.batch_size": "4", "train.log_every": "1", "generator.dropout": "0"}
    sizes |= {"train.optimizer.lr": "2e-4", "generator.upsampling": "transposed", "generator.detail": "0"}
    sets = [text for k, v in sizes.items() for text in ("--set", f"{k}={v}")]
    lines = {name: ["run", "example-wgan-gp", "--name", name, *sets] for name in ("one", "two")}
    alone, together = company(room, {"lines": [lines["one"]]}, {"lines": [lines["two"]] * 2}, plugins=True)
    assert (alone["codes"], together["codes"]) == ([0], [0, 0]), together["said"]
    assert len(losses(room, "two")) >= 4
    assert_equal_losses(room, "one", "two")


def test_parts_of_a_batch_give_the_gradients_of_the_whole(room):
    plain = {"method.order": "simultaneous", "generator.norm": "instance", "discriminator.norm": "instance"}
    whole, parts = (
        line("whole", *data(room), **plain),
        line("parts", *data(room), **plain, **{"train.grad_accum_steps": "3"}),
    )
    assert all(done["codes"] == [0] for done in company(room, {"lines": [whole]}, {"lines": [parts]}))
    assert_equal_losses(room, "whole", "parts")


@pytest.mark.parametrize("harm", ["KILL", "STOP"])
@pytest.mark.parametrize("rank", [0, 1])
def test_w04_a_process_that_is_lost_ends_all_and_the_run_goes_on_afterwards(harm, rank, room):
    more = {"train.steps": "200", "train.save_every": "5", "train.timeout": "6"}
    log = {"rank": rank, "signal": harm, "file": "runs/mine/metrics.jsonl", "lines": 12}
    lost = {"lines": [line("mine", *data(room), **more)] * 2, "harm": log}
    again = line("mine", "--resume", *data(room), **{**more, "train.steps": "20"})
    ended, resumed = company(room, lost, {"lines": [again] * 2})
    assert ended["codes"][1 - rank] == 5, ended["said"]
    assert "another of the processes that train together was lost" in ended["said"][1 - rank]
    assert ended["seconds"] < 60
    assert resumed["codes"] == [0, 0], resumed["said"]
    assert checkpoint_paths.newest(room / "runs" / "mine").name == "step-000020"


def test_w05_shares_of_different_size_neither_hang_nor_lose_a_sample(room):
    """7 pictures for 2 processes in batches of 4: 4, then 3, shared 2 and 1; 1 at the end of batches of 2.

    With seed 0 a value before a ReLU is so near to 0 in the fifth step that the order of a sum decides its gradient.
    """
    for file in [*(room / "pairs" / "train").iterdir()][:3]:
        file.unlink()
    specs = [
        {"lines": [line(f"{name}-{size}", *data(room), **{"data.batch_size": size, "train.seed": "1"})] * count}
        for size in ("4", "2")
        for name, count in (("one", 1), ("two", 2))
    ]
    assert all(set(done["codes"]) == {0} for done in company(room, *specs))
    assert_equal_losses(room, "one-4", "two-4")


def test_w06_different_configurations_are_refused(room):
    (done,) = company(room, {"lines": [line("mine", *data(room)), line("mine", *data(room), **{"train.seed": "1"})]})
    assert done["codes"] == [2, 2]
    assert "process 1 was given another configuration than process 0" in done["said"][0]


def test_a_batch_that_cannot_be_shared_names_one_that_can(room):
    (done,) = company(room, {"lines": [line("mine", *data(room), **{"data.batch_size": "5"})] * 2})
    assert done["codes"] == [2, 2]
    assert "cannot be shared by 2 devices" in done["said"][0]
    assert "--batch-size 6" in done["said"][0]


def test_a_fault_of_one_ends_all_and_is_named(room):
    more = {"train.steps": "200", "train.timeout": "20"}
    broken = line("mine", *data(room), **more)
    for file in (room / "pairs" / "train").iterdir():
        file.write_bytes(file.read_bytes()[:60])
    (done,) = company(room, {"lines": [broken] * 2})
    assert done["codes"] == [3, 3]
    assert ".png" in done["said"][0]


def test_w08_a_full_disk_of_the_first_is_told_to_all(room):
    """The first one's files may not grow beyond 30 kB, which is less than the weights; the second has no such limit."""
    small = {"train.steps": "20", "train.save_every": "2"}
    (done,) = company(room, {"lines": [line("mine", *data(room), **small)] * 2, "limit": 30_000})
    assert done["codes"] == [5, 5], done["said"]
    assert "cannot be written" in done["said"][0]
    assert done["said"][0].count("training continues, and saves again later") == 2
    assert not [p.name for p in (room / "runs" / "mine").iterdir() if p.name.startswith("step-")]


def test_what_the_first_finds_out_is_told_to_all(room):
    (room / "runs" / "mine").mkdir(parents=True)
    (done,) = company(room, {"lines": [line("mine", *data(room))] * 2})
    assert done["codes"] == [2, 2]
    assert all("exists" in said for said in done["said"])


@pytest.mark.parametrize("rank", [0, 1])
def test_w09_a_signal_to_one_makes_all_save_and_leave(rank, room):
    log = {"rank": rank, "signal": "TERM", "file": "runs/mine/metrics.jsonl", "lines": 6}
    settings = {"train.steps": "200", "train.save_every": "100"}
    (done,) = company(room, {"lines": [line("mine", *data(room), **settings)] * 2, "harm": log})
    assert done["codes"] == [143, 143], done["said"]
    step = checkpoint_paths.step_of(checkpoint_paths.newest(room / "runs" / "mine"))
    assert 6 <= step < 100
    assert f"Stopped by SIGTERM after step {step}" in done["said"][0]


def test_w10_a_run_goes_on_with_another_number_of_processes(room):
    first = line("mine", *data(room), **{"train.steps": "4"})
    more = ["resume", "mine", "--steps", "8"]
    straight = line("one", *data(room))
    begun, resumed, alone = company(room, {"lines": [first] * 2}, {"lines": [more]}, {"lines": [straight]})
    assert (begun["codes"], resumed["codes"], alone["codes"]) == ([0, 0], [0], [0]), resumed["said"]
    assert "2 devices became 1: their random numbers begin anew" in resumed["said"][0]
    mine, whole = (losses(room, name) for name in ("mine", "one"))
    for a, b in zip(mine[-3:], whole[-3:], strict=True):  # no dropout: the same pictures, the same steps
        assert a == pytest.approx(b, rel=1e-5, abs=1e-7)


def test_devices_starts_torchs_launcher(room):
    """W07: torch's usual port is taken; a free one is found."""
    taken = socket.socket()
    with contextlib.suppress(OSError):
        taken.bind(("127.0.0.1", 29500))
    started = [sys.executable, "-m", "imtrans", *line("two", *data(room), "--devices", "2", "--json")]
    done = subprocess.run(started, cwd=room, env=plain(room), capture_output=True, text=True, check=False, timeout=120)
    taken.close()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["step"] == 8


def test_a_launcher_that_is_asked_to_save_asks_its_processes(room):
    """torch 2.13.0: its launcher dies of SIGUSR1 and leaves its processes (findings/torchrun-dies-of-usr1)."""
    settings = {"train.steps": "150", "train.save_every": "1000", "train.keep_last": "9"}
    started = [sys.executable, "-m", "imtrans", *line("two", *data(room), "--devices", "2", **settings)]
    launcher = subprocess.Popen(started, cwd=room, env=plain(room), stdout=subprocess.DEVNULL)
    log = room / "runs" / "two" / "metrics.jsonl"
    while not log.exists() and launcher.poll() is None:
        time.sleep(0.05)
    launcher.send_signal(signal.SIGUSR1)
    assert launcher.wait(timeout=120) == 0
    steps = [checkpoint_paths.step_of(path) for path in checkpoint_paths.newest_first(room / "runs" / "two")]
    assert steps[0] == 150
    assert 1 < steps[-1] < 150


def test_torchrun_may_start_a_run_again_that_lost_a_process(room):
    """torch 2.13.0: the store of its launcher still holds the dead ones' addresses (findings/torchrun-restarts-into-
    the-past)."""
    settings = {"train.steps": "60", "train.save_every": "5"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    command = [*launcher, "-m", "imtrans", *line("mine", *data(room), **settings)]
    with (room / "said.txt").open("w+") as said:
        torchrun = subprocess.Popen(command, cwd=room, env=plain(room), stdout=said, stderr=said)
        kill_one(torchrun.pid, room / "runs" / "mine")
        code = torchrun.wait(timeout=150)
        said.seek(0)
        assert code == 0, said.read()[-3000:]
    record = json.loads((room / "runs" / "mine" / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["resumes"][0]["step"] in range(5, 60, 5)


def plain(room):
    return {**os.environ, "IMTRANS_HOME": str(room / "home"), "OMP_NUM_THREADS": "1"}


def kill_one(launcher, folder):
    """Kill one of a launcher's processes, once the run has a checkpoint."""
    for _ in range(1200):
        if list(folder.glob("step-*")):
            break
        time.sleep(0.05)
    children = subprocess.run(["pgrep", "-P", str(launcher)], capture_output=True, text=True, check=True).stdout.split()
    os.kill(int(children[-1]), 9)
