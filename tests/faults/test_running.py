"""Tables 2G and 2H of the catalogue: what befalls a running training from outside (exit 5 unless said)."""

import dataclasses
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from factories import job, pairs

from imtrans import hookimpl
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.data import loader as data_module
from imtrans.engine.data import prefetch
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.runs import run_dir
from imtrans.engine.training import oom, trainer
from imtrans.errors import DataError, Interrupted, ResourceError

RUN = {
    "train.steps": "8",
    "train.log_every": "1",
    "train.sample_every": "99",
    "metrics": "[]",
    "train.num_samples": "1",
}
NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("data") / "pairs", train=8, val=1)


class After:
    """An observer that does something once a step has been logged."""

    def __init__(self, step, work):
        self.step, self.work = step, work

    @hookimpl
    def imtrans_logged(self, run, step, values):
        if step == self.step:
            self.work()


def watched(folder, data, step, work, **more):
    made = job(folder, {**RUN, **more}, dataset=data)
    made.observers._manager.register(After(step, work))
    return made


def send(number):
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.slow
def test_s05_an_end_without_notice_is_told_at_the_next_start(tmp_path, data, cli):
    trainer.fit(job(tmp_path / "runs" / "mine", {**RUN, "train.save_every": "4", "train.steps": "6"}, dataset=data))
    (tmp_path / "runs" / "mine" / ".lock").unlink()
    ended = cli("resume", "mine", "--steps", "8", "--json")
    assert ended.code == 0
    assert f"{Path('runs/mine')} ended without notice; it resumes from step 6" in ended.err
    told = json.loads((tmp_path / "runs" / "mine" / "run.json").read_text())
    assert [entry["why"] for entry in told["resumes"]] == ["ended without notice"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
def test_s06_stop_signals_save_and_leave(name, code, tmp_path, data):
    made = watched(tmp_path / "run", data, 3, send(getattr(signal, name)))
    with pytest.raises(
        Interrupted, match=f"Stopped by {'Ctrl-C' if name == 'SIGINT' else name} after step 3"
    ) as caught:
        trainer.fit(made)
    assert caught.value.exit_code == code
    assert caught.value.hint == f"To resume: imtrans resume {tmp_path / 'run'}"
    assert checkpoint_paths.newest(tmp_path / "run").name == "step-000003"


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no such signal here")
def test_s06_another_signal_saves_and_goes_on(tmp_path, data):
    made = watched(tmp_path / "run", data, 3, send(signal.SIGUSR1), **{"train.keep_last": "5"})
    assert trainer.fit(made).step == 8
    assert [p.name for p in checkpoint_paths.newest_first(tmp_path / "run")] == ["step-000008", "step-000004"]


def test_s07_a_second_signal_leaves_at_once(tmp_path, data):
    def twice():
        # To this thread: of two that the system gives to other threads Python may see one.
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.01)  # two that come before Python has heard the first are one to it
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(watched(tmp_path / "run", data, 3, twice))
    finally:
        signal.signal(signal.SIGINT, before)
    assert checkpoint_paths.newest_first(tmp_path / "run") == []
    assert not [p for p in (tmp_path / "run").iterdir() if p.name.endswith(".tmp")]


@pytest.mark.slow
def test_a_signal_during_the_evaluation_is_heard_there_and_the_evaluation_done_again(tmp_path, data):
    from factories import go_on

    settings = {**RUN, "train.evaluate_every": "4", "metrics": "l1"}
    made, measured = job(tmp_path / "run", settings, dataset=data), []
    [bound] = made.metrics
    metric = bound.metric

    class Stopping:
        def compute(self, prediction, batch):
            if not measured:
                os.kill(os.getpid(), signal.SIGTERM)
            measured.append(batch.keys)
            return metric.compute(prediction, batch)

        aggregate = metric.aggregate

    stopping = dataclasses.replace(bound, metric=Stopping())
    with pytest.raises(Interrupted, match="after step 4"):
        trainer.fit(dataclasses.replace(made, metrics=[stopping]))
    trainer.fit(go_on(tmp_path / "run", settings, dataset=data))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["split"] == "val"] == [4, 8]
    assert [line["step"] for line in lines if line["split"] == "train"] == list(range(1, 9))


def test_s03_half_a_line_and_lines_after_the_checkpoint_are_cut(tmp_path):
    log = tmp_path / "metrics.jsonl"
    log.write_text("".join(json.dumps({"step": n, "split": "train"}) + "\n" for n in range(1, 8)) + '{"step": 8, "spl')
    run_dir.cut_metrics(tmp_path, 5)
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [1, 2, 3, 4, 5]
    assert len((tmp_path / "metrics.discarded.jsonl").read_text().splitlines()) == 3


@pytest.mark.slow
@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_s10_and_s12_short_memory_names_a_batch_that_fits(error, tmp_path, data):
    """A step that finds room for two pictures, but not for three. (A real limit of the address space makes torch's own
    libraries fail in other ways, now and then by a segmentation fault.)"""
    made = job(tmp_path / "run", {**RUN, "data.batch_size": "8"}, dataset=data)
    step = made.model.method.train_step

    def hungry(batch, update, *, step_number=step, **more):
        if len(batch.keys) > 2:
            raise error
        return step_number(batch, update, **more)

    made.model.method.train_step = hungry
    with pytest.raises(ResourceError, match="out of memory with 8 pictures at once on cpu") as caught:
        trainer.fit(made)
    assert caught.value.exit_code == 5
    assert caught.value.hint.startswith(
        "2 at once fit: --set train.grad_accum_steps=4 gives the same gradients in 4 parts"
    )
    made = job(tmp_path / "again", {**RUN, "data.batch_size": "8", "train.grad_accum_steps": "4"}, dataset=data)
    made.model.method.train_step, step = hungry, made.model.method.train_step
    assert trainer.fit(made).step == 8


def test_the_largest_part_that_fits_is_found_by_halving():
    tried = []

    def trial(size):
        tried.append(size)
        if size > 3:
            raise MemoryError

    assert oom.largest(16, trial) == 2
    assert tried == [8, 4, 2]
    assert oom.largest(1, trial) == 0


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "out of memory with 4 pictures at once on cpu"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out of memory with 4"),
        (MemoryError(), "out of memory with 4 pictures"),
        (RuntimeError("CUDA error: an illegal memory access was encountered\nmore"), "cpu was lost: CUDA error: an"),
    ],
)
def test_s11_memory_faults_and_lost_devices_are_resources(error, told):
    def fail():
        with oom.map_oom_errors(torch.device("cpu"), size=4, workers=2, fitting=lambda: 0):
            raise error

    with pytest.raises(ResourceError) as caught:
        fail()
    assert caught.value.what.startswith(told)
    assert caught.value.exit_code == 5


def test_other_faults_stay_what_they_are():
    def fail():
        with oom.map_oom_errors(torch.device("cpu"), size=4, workers=2, fitting=lambda: 0):
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        fail()


@NEEDS_GPU
@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_s10_a_gpu_that_is_full_ends_with_5(share, tmp_path, data):
    torch.cuda.set_per_process_memory_fraction(share)
    large = {"train.device": "cuda", "data.size": "1024", "generator.width": "64", "data.batch_size": "8"}
    try:
        with pytest.raises(ResourceError, match="out of memory with 8 pictures"):
            trainer.fit(job(tmp_path / "run", {**RUN, **large}, dataset=data))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def workers_of(process):
    """The loading processes below a process; Python's own tracker of shared memory may have the greatest number."""
    import subprocess

    told = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True, check=False).stdout.split()
    commands = {int(n): Path(f"/proc/{n}/cmdline").read_bytes() for n in told if Path(f"/proc/{n}").exists()}
    return [n for n, command in commands.items() if b"py" in command and b"resource_tracker" not in command]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes as Linux lists them")
def test_w01_a_killed_loading_process_costs_nothing(tmp_path, data, capsys, monkeypatch):
    monkeypatch.setattr(data_module, "LOOK", 1)
    settings = {"data.workers": "2", "train.steps": "12", "data.batch_size": "2", "data.cache": "off"}
    trainer.fit(job(tmp_path / "straight", {**RUN, **settings}, dataset=data))
    kill = lambda: os.kill(workers_of(os.getpid())[-1], signal.SIGKILL)  # noqa: E731 - as short as can be
    made = watched(tmp_path / "killed", data, 4, kill, **settings)
    assert trainer.fit(made).step == 12
    assert "a loading process was killed; loading again from" in capsys.readouterr().err
    names = ("model", "optimizer", "rank-000")
    straight, killed = (
        [(tmp_path / run / "step-000012" / f"{n}.safetensors").read_bytes() for n in names]
        for run in ("straight", "killed")
    )
    assert straight == killed


def test_w01_loading_that_is_killed_again_and_again_ends_with_5(data, monkeypatch):
    from factories import config

    from imtrans.engine.data.sampler import EpochSampler

    def dying(*_, **__):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")
        yield

    monkeypatch.setattr(prefetch, "loader", dying)
    loading = open_split(config(dataset=data), "train")
    given = prefetch.Prefetcher(loading=loading, order=EpochSampler(count=8, batch_size=2, seed=0, steps=3), workers=2)
    with pytest.raises(ResourceError, match=r"loading processes were killed 4 times") as caught:
        next(iter(given))
    assert "--workers 0" in caught.value.hint


def test_w02_a_fault_in_a_loading_process_names_the_file(tmp_path):
    own = pairs(tmp_path / "pairs", train=6, val=1)
    broken = tmp_path / "pairs" / "train" / "3.png"
    made = job(tmp_path / "run", {**RUN, "data.workers": "2"}, dataset=own)
    broken.write_bytes(broken.read_bytes()[:80])
    with pytest.raises(DataError, match=r"3\.png"):
        trainer.fit(made)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="stops a process as Unix does")
def test_w03_a_loading_process_that_hangs_is_named_with_its_files(tmp_path, data, monkeypatch):
    from imtrans.engine.data import workers

    monkeypatch.setattr(workers, "PATIENCE", 1)
    monkeypatch.setattr(data_module, "LOOK", 1)
    stop = lambda: [os.kill(n, signal.SIGSTOP) for n in workers_of(os.getpid())]  # noqa: E731
    made = watched(tmp_path / "run", data, 2, stop, **{"data.workers": "1", "train.steps": "60", "data.cache": "off"})
    try:
        with pytest.raises(ResourceError, match=r"took more than \d+ seconds for one of .*png") as caught:
            trainer.fit(made)
    finally:
        for number in workers_of(os.getpid()):
            os.kill(number, signal.SIGKILL)
    assert "--workers 0" in caught.value.hint


def test_s17_files_of_a_run_follow_the_umask(tmp_path, data):
    before = os.umask(0o027)
    try:
        trainer.fit(job(tmp_path / "run", {**RUN, "train.steps": "2"}, dataset=data))
    finally:
        os.umask(before)
    modes = {oct(p.stat().st_mode & 0o777) for p in (tmp_path / "run").rglob("*") if p.is_file()}
    assert modes == {"0o640"}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no such signal here")
def test_s08_a_stopped_process_goes_on(tmp_path, data):
    import subprocess

    waking = []

    def pause():
        waking.append(subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -CONT {os.getpid()}"]))
        os.kill(os.getpid(), signal.SIGSTOP)

    assert trainer.fit(watched(tmp_path / "run", data, 3, pause)).step == 8
    assert waking[0].wait() == 0


@pytest.mark.slow
def test_s13_loading_processes_need_no_shared_memory(tmp_path, data):
    """Containers have 64 MB of it, a batch of which takes all."""
    seen = []
    place = Path("/dev/shm")
    look = lambda: seen.append([p.name for p in place.iterdir() if p.name.startswith("torch_")])  # noqa: E731
    if not place.is_dir():
        pytest.skip("no /dev/shm here")
    before = {p.name for p in place.iterdir()}
    off = {"data.workers": "2", "data.cache": "off"}
    trainer.fit(watched(tmp_path / "run", data, 4, look, **off))
    assert set(seen[0]) <= before


def test_s14_a_clock_that_is_set_back_changes_nothing(tmp_path, data, monkeypatch):
    import time

    now = iter(range(10**6, 0, -1000))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    trainer.fit(job(tmp_path / "run", {**RUN, "train.save_every": "2", "train.keep_last": "2"}, dataset=data))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(0 <= line["health.waiting"] <= 1 for line in lines if line["split"] == "train")
    assert [p.name for p in checkpoint_paths.newest_first(tmp_path / "run")] == ["step-000008", "step-000006"]


@pytest.mark.slow
def test_row_21_nothing_leaks_over_many_steps(tmp_path, data):
    """Memory, open files and threads after 300 steps are what they were after 100."""
    seen = {}

    def look(step):
        files = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
        seen[step] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, files)

    made = job(tmp_path / "run", {**RUN, "train.steps": "300", "train.save_every": "20"}, dataset=data)
    for step in (100, 299):
        made.observers._manager.register(After(step, lambda step=step: look(step)))
    trainer.fit(made)
    assert seen[299][0] < 1.02 * seen[100][0]
    assert seen[299][1] == seen[100][1]
