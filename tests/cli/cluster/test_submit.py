"""imtrans submit: the script that it writes, run through stand-ins for Slurm's programs, and what it refuses.

The stand-ins do what Slurm 22.05 was seen to do: srun starts the command, scancel sends a signal to what srun started,
and the script itself gets USR1 before its time is over.
"""

import json
import os
import signal
import subprocess
import time

import pytest
from factories import SMALL

from imtrans.atomic_io import digest

STAND_INS = {
    "sbatch": 'echo "$1" >submitted; echo "Submitted batch job 7"',
    "srun": 'while [ "${1#--}" != "$1" ]; do shift 2; done; echo $$ >step.pid; SLURM_NODEID=0 exec "$@"',
    "scancel": '[ "$*" = "--signal=TERM 7" ] && kill -TERM "$(cat step.pid)"',
    "scontrol": 'if [ "$1" = show ]; then echo localhost; else echo "$*" >>requeued; fi',
}
SETTINGS = {
    **{k: v for k, v in SMALL.items() if k != "dataset.pairs"},
    "data.batch_size": "2",
    "train.steps": "120",
    "train.save_every": "50",
    "train.log_every": "1",
    "train.sample_every": "9999",
    "train.evaluate_every": "60",
    "metrics": "l1",
}
SETS = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture
def here(tmp_path, monkeypatch, pairs):
    """A folder with pairs and a path on which Slurm's programs are stand-ins."""
    monkeypatch.chdir(tmp_path)
    pairs(size=32)
    (tmp_path / "bin").mkdir()
    for name, line in STAND_INS.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/bash\n{line}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def job(script, restart=0):
    """The script as slurmd starts it."""
    slurm = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "localhost", "SLURM_RESTART_COUNT": str(restart)}
    with open(f"{script.stem}.txt", "a") as said:
        return subprocess.Popen(["bash", str(script)], env={**os.environ, **slurm}, stdout=said, stderr=said)


def wait_for_steps(folder, count):
    """Wait until a run has logged so many steps."""
    log = folder / "metrics.jsonl"
    for _ in range(1200):
        if log.exists() and any(json.loads(line)["step"] >= count for line in whole_lines(log)):
            return
        time.sleep(0.05)
    raise AssertionError(f"{folder} has not logged {count} steps")


def whole_lines(log):
    return [line for line in log.read_text().splitlines() if line.endswith("}")]


@pytest.mark.slow
def test_a_job_that_is_preempted_twice_has_the_weights_of_an_undisturbed_one(here, cli):
    for name in ("straight", "stopped"):
        line = ["run", "pix2pix", "--dataset", "pairs", "--device", "cpu", "--devices", "2", "--name", name, *SETS]
        assert cli("submit", "--slurm", "--", *line).code == 0
    assert job(here / "straight.sbatch").wait(120) == 0, (here / "straight.txt").read_text()
    assert not (here / "requeued").exists()
    folder = here / "runs" / "stopped"
    for restart, steps in enumerate((20, 70)):
        started = job(here / "stopped.sbatch", restart)
        wait_for_steps(folder, steps)
        started.send_signal(signal.SIGUSR1)
        assert started.wait(60) == 0
        assert (here / "requeued").read_text().splitlines() == ["requeue 7"] * (restart + 1)
    assert job(here / "stopped.sbatch", 2).wait(120) == 0, (here / "stopped.txt").read_text()
    assert len((here / "requeued").read_text().splitlines()) == 2
    assert len(json.loads((folder / "run.json").read_text())["resumes"]) == 2
    names = ["model.safetensors", "optimizer.safetensors", "rank-000.safetensors", "rank-001.safetensors"]
    mine, theirs = ([digest(here / "runs" / run / "step-000120" / n) for n in names] for run in ("stopped", "straight"))
    assert mine == theirs


@pytest.mark.slow
def test_a_job_that_is_cancelled_saves_and_stays_out_of_the_queue(here, cli):
    line = ["run", "pix2pix", "--dataset", "pairs", "--device", "cpu", "--name", "mine", *SETS]
    assert cli("submit", "--slurm", "--", *line).code == 0
    started = job(here / "mine.sbatch")
    wait_for_steps(here / "runs" / "mine", 5)
    started.send_signal(signal.SIGTERM)
    assert started.wait(60) != 0
    assert not (here / "requeued").exists()
    assert list((here / "runs" / "mine").glob("step-0000*"))


@pytest.mark.slow
def test_an_array_divides_a_folder(here, cli):
    from PIL import Image

    assert cli("run", "pix2pix", "--dataset", "pairs", "--name", "mine", *SETS, "--steps", "1").code == 0
    (here / "pictures").mkdir()
    for number in range(4):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(here / "pictures" / f"{number}.png")
    line = ["translate", "mine", "pictures", "-o", "translated", "--device", "cpu"]
    assert cli("submit", "--slurm", "--array", "2", "--", *line).code == 0
    text = (here / "translate.sbatch").read_text()
    assert "#SBATCH --array=1-2\n" in text
    assert "torch.distributed" not in text
    for number in (1, 2):
        environment = {**os.environ, "SLURM_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": str(number)}
        assert subprocess.run(["bash", "translate.sbatch"], env=environment, check=False).returncode == 0
        lines = (here / "translated" / f"manifest-{number}-of-2.jsonl").read_text().splitlines()
        assert 1 <= len(lines) <= 3
    assert len(list((here / "translated").glob("*.png"))) == 4


def test_what_is_asked_of_slurm_is_in_the_script(here, cli):
    flags = ["--nodes", "2", "--gpus", "4", "--cpus", "32", "--memory", "64G", "--time", "1-12:00:00", "--grace", "120"]
    flags += ["--sbatch=--partition=gpu", "--setup", "module load cuda", "--python", "/opt/my python", "-o", "it.sh"]
    told = cli("submit", "--slurm", *flags, "--now", "--", "run", "pix2pix", "--dataset", "pairs", "--lr", "1e-3")
    assert told.code == 0, told.err
    assert told.out == "Script: it.sh\nSubmitted batch job 7\n"
    assert (here / "submitted").read_text() == "it.sh\n"
    text = (here / "it.sh").read_text()
    asked = [line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH")]
    assert asked == [
        "--job-name=pix2pix-pairs-lr0.001",
        "--output=pix2pix-pairs-lr0.001-%j.txt",
        "--open-mode=append",
        "--nodes=2",
        "--ntasks-per-node=1",
        "--cpus-per-task=32",
        "--gpus-per-node=4",
        "--mem=64G",
        "--time=1-12:00:00",
        "--requeue",
        "--signal=B:USR1@120",
        "--partition=gpu",
    ]
    assert "\nmodule load cuda\n" in text
    assert "'/opt/my python' --nnodes 2 --nproc-per-node 4" in text
    assert "-m imtrans run pix2pix --dataset pairs --lr 1e-3 --name pix2pix-pairs-lr0.001 --resume &" in text
    assert subprocess.run(["bash", "-n", "it.sh"], check=False).returncode == 0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["--", "run", "pix2pix"], "which scheduler"),
        (["--slurm", "--", "serve", "mine"], "serve: no job"),
        (["--slurm", "--", "run", "pix2pox"], "did you mean"),
        (["--slurm", "--", "run", "pix2pix", "--set", "generator.widht=3"], "did you mean"),
        (["--slurm", "--", "run", "pix2pix", "--again"], "--again: not in a job"),
        (["--slurm", "--", "run", "pix2pix", "--stepz", "3"], "--stepz"),
        (["--slurm", "--array", "3", "--", "run", "pix2pix"], "one training is no array"),
        (["--slurm", "--nodes", "2", "--", "translate", "a", "b", "-o", "c"], "each job has one host"),
        (["--slurm", "--array", "2", "--", "translate", "a", "b", "-o", "c", "--part", "1/2"], "not both"),
        (["--slurm", "--time", "tomorrow", "--", "run", "pix2pix"], "no time limit of Slurm"),
        (["--slurm", "--time", "0:04:00", "--", "run", "pix2pix"], "saves 300 s before"),
        (["--slurm", "--sbatch", "partition=gpu", "--", "run", "pix2pix"], "no option of sbatch"),
        (["--slurm", "--setup", "a\nb", "--", "run", "pix2pix"], "must be one line"),
    ],
)
def test_what_cannot_be_a_job_is_refused(line, says, tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    told = cli("submit", *line)
    assert told.code == 2
    assert says in told.err
    assert not list(tmp_path.glob("*.sbatch"))


def test_without_slurm_the_script_is_there_and_the_missing_program_named(tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    told = cli("submit", "--slurm", "--now", "--", "run", "pix2pix", "--name", "mine")
    assert told.code == 5
    assert "sbatch is not here" in told.err
    assert (tmp_path / "mine.sbatch").exists()


def test_what_sbatch_says_is_passed_on(here, cli):
    (here / "bin" / "sbatch").write_text('#!/bin/bash\necho "sbatch: error: invalid partition" >&2; exit 1\n')
    told = cli("submit", "--slurm", "--now", "--", "run", "pix2pix", "--name", "mine")
    assert told.code == 5
    assert "sbatch refused mine.sbatch: sbatch: error: invalid partition" in told.err
