"""imtrans sweep: trials over several processes, what a killed one leaves, and the page."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from imtrans.cli.sweep import plan as plans
from imtrans.errors import ConfigError

BASE = """
recipe = "pix2pix"
metric = "l1"
{more}
[run]
dataset = "{path}"
steps = 2
device = "cpu"
[set]
"data.size" = 32
"data.batch_size" = 2
"generator.depth" = 3
"metrics" = "l1"
"train.num_samples" = 1
"discriminator.width" = 2
[search]
{search}
"""
GRID = '"generator.width" = [2, 3]\n"train.optimizer.lr" = [1e-4, 1e-3, 1e-2]\n"train.seed" = [0, 1]'


@pytest.fixture
def sweep_file(tmp_path, pairs):
    path = pairs(size=64)

    def write(search, more=""):
        file = tmp_path / "try.toml"
        file.write_text(BASE.format(path=path.as_posix(), search=search, more=more))
        return file

    return write


@pytest.fixture
def worker(tmp_path):
    started = []

    def start(log):
        line = [sys.executable, "-m", "imtrans", "sweep", "try.toml", "--json"]
        environment = {**os.environ, "IMTRANS_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
        with open(tmp_path / f"{log}.out", "w") as out, open(tmp_path / f"{log}.err", "w") as err:
            # A group of its own: the training can be killed with its worker.
            started.append(
                subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=out, stderr=err, start_new_session=True)
            )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def _begun(tmp_path, *, of, seconds=60):
    """Wait until a worker has named a trial."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if named := re.findall(r"^(try-\d+): ", (tmp_path / f"{of}.err").read_text(), re.MULTILINE):
            return named[-1]
        time.sleep(0.1)
    raise AssertionError((tmp_path / f"{of}.err").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(("storage", "kills_training"), [("", False), ("journal:try.journal", True)])
def test_twelve_trials_of_two_workers_one_killed_end_with_the_best_run_named(
    sweep_file, worker, tmp_path, storage, kills_training
):
    sweep_file(GRID, f'sampler = "grid"\nstorage = "{storage}"')
    first, second = worker("first"), worker("second")
    lost = _begun(tmp_path, of="first")
    time.sleep(1)
    os.killpg(first.pid, signal.SIGKILL) if kills_training else first.send_signal(signal.SIGKILL)
    first.wait()
    assert second.wait(280) == 0, (tmp_path / "second.err").read_text()
    result = json.loads((tmp_path / "second.out").read_text())
    assert len(result["trials"]) == 12
    assert {t["state"] for t in result["trials"]} == {"COMPLETE"}
    combinations = {tuple(t["values"].values()) for t in result["trials"]}
    assert len(combinations) == 12, "every combination of the grid, the killed worker's too"
    assert f"trial {int(lost[-3:])} had lost its process and is taken up again" in (tmp_path / "second.err").read_text()
    assert lost in {t["run"] for t in result["trials"]}, "it goes on in its own run"
    values = {t["run"]: t["value"] for t in result["trials"]}
    assert result["best"] == min(values, key=values.get)
    last = [json.loads(line) for line in (tmp_path / "runs" / lost / "metrics.jsonl").read_text().splitlines()]
    assert [m["l1"] for m in last if m.get("split") == "val"][-1] == values[lost]
    page = (tmp_path / "sweeps/try/sweep.html").read_text()
    assert page.count("<polyline") == 12


@pytest.mark.slow
def test_workers_that_follow_each_other_draw_other_values_and_a_finished_sweep_trains_no_more(
    sweep_file, subprocess_cli, tmp_path
):
    drawn = '"train.optimizer.lr" = {low = 1e-4, high = 1e-2, log = true}'
    sweep_file(drawn, 'sampler = "random"\ntrials = 2')
    assert subprocess_cli("sweep", "try.toml").code == 0
    sweep_file(drawn, 'sampler = "random"\ntrials = 3')
    more = subprocess_cli("sweep", "try.toml", "--json")
    assert more.code == 0, more.err
    trials = json.loads(more.out)["trials"]
    assert len({t["values"]["train.optimizer.lr"] for t in trials}) == 3
    rates = [t["values"]["train.optimizer.lr"] for t in trials]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    page = (tmp_path / json.loads(more.out)["page"]).read_text()
    assert all(f"<td>{rate:.4g}</td>" in page and str(rate) not in page for rate in rates), "four digits"
    again = subprocess_cli("sweep", "try.toml")
    assert "Best run: runs/" + json.loads(more.out)["best"] in again.out
    assert "try-" not in again.err


@pytest.mark.slow
def test_a_trial_ends_on_nan_and_is_pruned_by_its_evaluations(tmp_path):
    import optuna

    from imtrans.cli.sweep.trial_run import Evaluations

    plan = _plan(tmp_path, pruner="median")
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=1))
    good, bad, broken = (study.ask() for _ in range(3))
    good.report(0.1, 5)
    study.tell(good, 0.1)
    _log(tmp_path / "bad", {5: 0.7})
    assert Evaluations(plan, bad, tmp_path / "bad").look() == ("PRUNED", None, "pruned at step 5")
    _log(tmp_path / "broken", {5: float("nan")})
    assert Evaluations(plan, broken, tmp_path / "broken").look() == ("FAIL", None, "l1 is nan at step 5")
    _log(tmp_path / "fine", {5: 0.05, 9: 0.03})
    assert Evaluations(plan, study.ask(), tmp_path / "fine").outcome() == ("COMPLETE", 0.03, "")


def test_a_trial_of_a_living_process_is_left_to_it(tmp_path, monkeypatch):
    import optuna

    from imtrans.cli.sweep import study as studies

    monkeypatch.chdir(tmp_path)
    plan, study = _plan(tmp_path), optuna.create_study()
    trial = study.ask()
    studies.sign(trial)
    assert studies.take_up(study, plan) == []
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    trial.set_user_attr("worker", {**trial.user_attrs["worker"], "pid": child.pid})
    assert studies.take_up(study, plan) == [0]
    assert studies.run_name(plan, study.ask()) == "sweep-000", "the same run goes on"


def test_values_that_a_killed_worker_was_giving_on_are_not_lost(tmp_path, monkeypatch):
    import optuna

    from imtrans.cli.sweep import study as studies

    monkeypatch.chdir(tmp_path)
    plan, study = _plan(tmp_path), optuna.create_study()
    failed, ended = study.ask(), study.ask()
    value = ended.suggest_categorical("train.seed", [0, 1])
    studies.tell(study, failed, "FAIL", note="l1 is nan")
    study.tell(ended.number, state=optuna.trial.TrialState.FAIL)
    assert [t.number for t in studies.dropped(study)] == [1]
    assert studies.take_up(study, plan) == [], "another process may do it this moment"
    monkeypatch.setattr(studies, "SETTLED", 0.0)
    assert studies.take_up(study, plan) == [1]
    again = study.ask()
    assert (again.suggest_categorical("train.seed", [0, 1]), studies.run_name(plan, again)) == (value, "sweep-001")
    assert studies.take_up(study, plan) == []


def test_a_list_that_was_changed_under_a_study_is_named(tmp_path):
    import optuna

    from imtrans.cli.sweep.sampler import drawn

    plan, study = _plan(tmp_path), optuna.create_study()
    study.ask().suggest_categorical("train.seed", [0, 1, 2])
    with pytest.raises(ConfigError, match=r"search\.train\.seed: the study has other values"):
        drawn(plan, study.ask())


def test_without_optuna_the_extra_is_named(sweep_file, cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    sweep_file('"generator.width" = [2, 3]', "trials = 2")
    missing = cli("sweep", "try.toml")
    assert missing.code != 0
    assert 'python -m pip install "imtrans[sweep]"' in missing.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[search]\n"a" = 3', "search.a: neither a list of values nor a range"),
        ('[search]\n"a" = {low = 2, high = 1}', "search.a: a range has low < high"),
        ('sampler = "grid"\n[search]\n"a" = {low = 1, high = 2}', "search.a: a grid needs a list of values"),
        ('sampler = "grid"\ntrials = 3\n[search]\n"a" = [1, 2]', "trials = 3, and the grid has 2"),
        ('sampler = "tpf"\n[search]\n"a" = [1]', "sampler = 'tpf'"),
        ("trials = 3", "no table [search] with what to try"),
        ('trials = 0\n[search]\n"a" = [1]', "trials must be a whole number from 1 on"),
        ("trails = 3", "no key trails"),
    ],
)
def test_a_wrong_sweep_file_names_the_key(tmp_path, text, message):
    file = tmp_path / "sweep.toml"
    file.write_text(f'recipe = "pix2pix"\nmetric = "l1"\n{text}\n')
    with pytest.raises(ConfigError, match=re.escape(message)):
        plans.read(file)


def test_values_that_a_training_refuses_are_named_before_the_first_trial(sweep_file, cli, tmp_path):
    sweep_file('"generator.widht" = [2, 3]', "trials = 2")
    refused = cli("sweep", "try.toml")
    assert refused.code == 2
    assert "width" in refused.err
    assert not (tmp_path / "sweeps").exists()


def _plan(tmp_path, pruner="none"):
    file = tmp_path / "sweep.toml"
    file.write_text(
        f'recipe = "pix2pix"\nmetric = "l1"\npruner = "{pruner}"\ntrials = 9\n[search]\n"train.seed" = [0, 1]\n'
    )
    return plans.read(file)


def _log(folder, values):
    folder.mkdir()
    lines = [json.dumps({"split": "val", "step": step, "l1": value}) for step, value in values.items()]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_a_password_in_the_address_of_a_storage_is_not_shown(sweep_file, cli):
    """Nobody listens at port 1; and of databases whose driver is not there the command says so."""
    for address, says in (("postgresql", ""), ("oracle", "its driver is not installed")):
        told = cli("sweep", str(sweep_file(GRID, f'trials = 1\nstorage = "{address}://me:s3cret@localhost:1/trials"')))
        assert told.code == 2
        assert f"storage {address}://me:***@localhost:1/trials" in told.err
        assert says in told.err
        assert "s3cret" not in told.err
