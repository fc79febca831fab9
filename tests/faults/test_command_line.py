"""Rows U01 to U18 of the faults: what is asked for wrongly is refused in three lines that help, and nothing is made."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DRY = ("run", "pix2pix", "--dry-run")


def test_u01_without_a_command_the_help_is_shown(cli: Callable) -> None:
    assert (cli().code, cli("--help").code, cli("run", "--help").code, cli("-h").code) == (2, 0, 0, 0)
    assert "Train a recipe on a data set." in cli("--help").out
    assert "Train a recipe on a data set." in cli().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu", "pix2pix"], "no command 'rnu'; did you mean 'run'?"),
        (["frobnicate"], "no command 'frobnicate'"),
        (["run", "pix2pixx"], "no recipe 'pix2pixx'; did you mean 'pix2pix'?"),
        (["run", "pix2pix", "--epcohs", "3"], "No such option '--epcohs'. (Did you mean one of: '--epochs'"),
        (["--nosuch", "list"], "No such option '--nosuch'"),
        (["run"], "Missing argument 'RECIPE'"),
        (["run", "pix2pix", "extra"], "Got unexpected extra argument (extra)"),
        (["run", "pix2pix", "--set"], "Option '--set' requires an argument"),
        ([*DRY, "--set", "generator=unet265"], "no generator 'unet265'; did you mean 'unet256'?"),
        ([*DRY, "--set", "width"], "--set 'width': must have the form KEY=VALUE"),
        ([*DRY, "--set", "generator.widht=3"], "no option 'widht' in unet256; did you mean 'width'?"),
        (["list", "generater"], "no kind 'generater'; did you mean 'generator'?"),
        (["list", "losses", "l2"], "no loss 'l2'; did you mean 'l1'?"),
        (["translate", "x", "y"], "Missing option '-o' / '--output'"),
    ],
)
def test_u02_unknown_names_are_told_with_the_nearest(refused: Callable, arguments: list[str], message: str) -> None:
    assert message in refused(*arguments)


@pytest.mark.slow
@pytest.mark.parametrize("value", ["abc", "-1", "nan", "1e400", "", "1" * 400, "[1, 2]", "true"])
def test_u03_a_learning_rate_that_is_none_is_told_with_its_range(refused: Callable, value: str) -> None:
    message = refused(*DRY, "--lr", value)
    assert message.endswith(": must be a finite number of at least 0\n")
    assert message.startswith("Error: --lr ")
    assert value[:40].strip("[") in message.lower()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch-size", "0"], "Error: --batch-size 0: must be a whole number of at least 1\n"),
        (["--epochs", "-3"], "Error: --epochs -3: must be a whole number of at least 1\n"),
        (["--steps", "1.5"], "Error: --steps 1.5: must be a whole number of at least 1\n"),
        (["--workers", "-1"], "Error: --workers -1: must be a whole number of at least 0 and at most 256\n"),
        (["--seed", "1e3"], "Error: --seed 1000.0: must be a whole number of at least 0 and at most 2.14748e+09\n"),
        (["--set", "data.size=0"], "Error: --set data.size 0: must be a whole number of at least 1\n"),
    ],
)
def test_u04_numbers_out_of_range_are_told_with_it(refused: Callable, arguments: list[str], message: str) -> None:
    assert refused(*DRY, *arguments) == message


def test_u05_options_that_exclude_each_other_are_both_named(refused: Callable) -> None:
    assert refused(*DRY, "--epochs", "1", "--steps", "2") == (
        "Error: --epochs and --steps: give epochs or steps, not both\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.toml", "[train]\nseed = = 1", "c.toml:2:8: Invalid value\nFix that line."),  # U06
        ("c.json", '{"train": {"seed" 1}}', "c.json:1:19: Expecting ':' delimiter\nFix that line."),
        ("c.toml", "[generator]\nwidht = 8", "c.toml:2: generator.widht: no option 'widht' in unet256; did you mean"),
        ("c.json", '{"trian":\n{"seed": 1}}', "c.json:2: trian.seed: no key 'trian.seed'; did you mean 'train.seed'?"),
        ("c.toml", "[generator]\nwidth = [1]", "c.toml:2: generator.width [1]: must be a whole number"),  # U08
        ("c.toml", '[train]\nseed = "a"', "c.toml:2: train.seed 'a': must be a whole number"),
        ("c.toml", "generator.skips = 1", "c.toml:1: generator.skips 1: must be true or false"),
        ("c.toml", 'generator = "os:system"', "c.toml:1: generator: no generator 'os:system'; there are"),  # U09
        (
            "c.yaml",
            "train:\n  seed: 1",
            "c.yaml: a configuration is a .toml or .json file, not .yaml\nWrite it as TOML or JSON.",
        ),
        ("c.json", "[" * 10_000, "c.json: nested more than 20 levels deep\nNo key needs that many."),
        ("c.toml", b"#" * 2_000_000, "c.toml: 2,000,000 bytes; a configuration has at most 1,000,000"),  # U10
        ("c.toml", b"\x00\x01\x02", "c.toml: not text"),
        ("c.toml", "a = 1".encode("utf-16"), "c.toml: not UTF-8 text\nSave it as UTF-8."),
        ("c.toml", "", "c.toml: the file is empty"),
    ],
)
def test_u06_to_u10_a_faulty_file_is_told_with_its_place(
    refused: Callable, tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = set(sys.modules)
    assert message in refused(*DRY, "--config", name)
    assert not {"yaml", "torch"} & (set(sys.modules) - before)


@pytest.mark.parametrize("name", ["missing.toml", ""])
def test_u10_a_file_that_is_not_there_is_told(refused: Callable, name: str) -> None:
    assert refused(*DRY, "--config", name).startswith(f"Error: --config {name or '.'}: no such file")


def test_u10_a_byte_order_mark_is_no_fault(cli: Callable, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbf[train]\nseed = 5\n")
    assert re.search(r"train\.seed +5 +c\.toml", cli(*DRY, "--config", "c.toml").out)


def test_u11_a_flag_wins_over_the_file_and_the_origin_is_shown(cli: Callable, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[train]\nseed = 5\nnum_samples = 3\n[data]\nbatch_size = 2\n")
    shown = cli(*DRY, "--config", "c.toml", "--seed", "7", "--set", "data.batch_size=4").out
    assert re.search(r"^train\.seed +7 +flag$", shown, re.MULTILINE)
    assert re.search(r"^data\.batch_size +4 +flag$", shown, re.MULTILINE)
    assert re.search(r"^train\.num_samples +3 +c\.toml$", shown, re.MULTILINE)


@pytest.mark.parametrize("name", ["cuda:77", "gpu", "", "-1"])
def test_u12_a_device_that_is_not_there_is_told_with_those_there_are(refused: Callable, name: str) -> None:
    message = refused("run", "pix2pix", "--device", name)
    assert message.startswith(f"Error: --device {name}: no such device here; there are cpu")
    assert message.endswith("\nUse --device auto.\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["../x", "a/b", "CON", "nul.txt", "x" * 300, "", ".", "..", "a.", "-x", "a\\b", "\x1b[2J", "a\n"]
)
def test_u13_a_run_name_that_is_no_folders_is_refused(refused: Callable, name: str) -> None:
    message = refused("run", "pix2pix", "--name", name)
    assert "a run's name has 1 to 100 letters, digits, dots, hyphens and underscores" in message
    assert message.endswith("\nGive another: --name my-run\n")


def test_u14_a_run_never_mixes_with_another(cli: Callable, check_message: Callable, tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    ended = cli("run", "pix2pix", "--name", "mine")
    assert ended.code == 2
    assert ended.err.startswith(
        f"Error: --name mine: {Path('runs/mine')} exists\nResume it: imtrans resume mine; or give another"
    )
    check_message(ended.err)
    assert list((tmp_path / "runs" / "mine").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("redirection", ["| true", "| head -n 1 >/dev/null", ">&-", "2>&1 | true"])
@pytest.mark.parametrize("command", ["list", "run pix2pix --dry-run", "--help", "list --json"])
def test_u15_a_closed_output_is_no_fault(redirection: str, command: str, tmp_path: Path) -> None:
    script = f"set -o pipefail; '{sys.executable}' -m imtrans {command} {redirection}"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_u15_a_full_disk_behind_the_output_ends_with_5(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "imtrans", "list"]
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 5
    assert done.stderr == "Error: standard output: No space left on device\nMake room for it.\n"


@pytest.mark.slow
@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"COLUMNS": "20"}, {"TERM": "dumb"}, {"FORCE_COLOR": "1"}])
def test_u16_without_a_terminal_the_output_is_plain(subprocess_cli: Callable, env: dict[str, str]) -> None:
    ended = subprocess_cli("list", env=env)
    assert (ended.code, ended.err) == (0, "")
    assert "\x1b" not in ended.out
    line = r"^  unet256 +U-Net of 8 downsampling stages for multiples of 256 pixels$"
    assert re.search(line, ended.out, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("env", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}])
def test_u17_a_plain_locale_works(
    subprocess_cli: Callable, check_message: Callable, tmp_path: Path, env: dict[str, str]
) -> None:
    (tmp_path / "Stra\u00dfe").mkdir()
    ended = subprocess_cli(*DRY, "--dataset", "./Stra\u00dfe", env=env)
    assert (ended.code, ended.err) == (0, "")
    assert re.search(r"dataset\.path +\"\S*/Stra\\u(00df|dcc3\\udc9f)e\" +flag", ended.out)  # or its two bytes
    missing = subprocess_cli(*DRY, "--dataset", "./Stra\u00dfe/\u20ac", env=env)
    assert missing.code == 3
    check_message(missing.err)


def test_u18_without_a_home_the_commands_work(subprocess_cli: Callable) -> None:
    ended = subprocess_cli(*DRY, env={"HOME": None, "IMTRANS_HOME": None, "XDG_CACHE_HOME": None})
    assert (ended.code, ended.err) == (0, "")


def test_u18_a_cache_that_cannot_be_made_is_named_with_its_variable(
    refused: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMTRANS_HOME", "/dev/null/cache")
    message = refused("run", "pix2pix", "--dataset", "facades", code=5)
    assert message == (
        "Error: folder '/dev/null/cache' for downloads and caches cannot be made: Not a directory\n"
        "Set IMTRANS_HOME to a folder that can be written.\n"
    )


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        (
            "./missing",
            3,
            "--dataset ./missing: does not exist\nGive a folder of pairs, or a name: imtrans list datasets",
        ),
        ("~no-such-user/x", 3, "--dataset ~no-such-user/x: does not exist"),
        ("./" + "x" * 300, 3, "does not exist"),
        ("file", 3, "--dataset file: is a file, not a folder of pairs"),
        ("cityscape", 2, "--dataset: no dataset 'cityscape'; did you mean 'cityscapes'?"),
        ("x" * 300, 2, "no data set of that name"),
        ("", 2, "--dataset: no dataset ''; there are anime, apple2orange, cad, "),
    ],
)
def test_data_that_is_not_there_is_told(refused: Callable, tmp_path: Path, path: str, code: int, message: str) -> None:
    (tmp_path / "file").write_text("x")
    assert message in refused(*DRY, "--dataset", path, code=code)


def test_a_named_set_that_is_not_there_says_where_to_put_it(refused: Callable, tmp_path: Path) -> None:
    message = refused("run", "pix2pix", "--dataset", "maps", "--offline", code=3)
    place = tmp_path / "home" / "datasets" / "maps"
    assert f"data set 'maps': {place} is not there, and --offline fetches nothing\n" in message
    assert f"Put its pictures into {place}/train" in message


def test_an_unknown_run_is_told_with_the_runs_here(refused: Callable, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / "runs" / name / "step-000005").mkdir(parents=True)
    message = refused("translate", "third", "x.png", "-o", "out", code=4)
    assert "'third'" in message
    assert "first" in message
    assert "second" in message


def test_a_run_without_a_checkpoint_is_told(refused: Callable, tmp_path: Path) -> None:
    (tmp_path / "runs" / "first").mkdir(parents=True)
    assert "run 'first' holds no checkpoint" in refused("translate", "first", "x.png", "-o", "out", code=4)


def test_a_file_for_another_recipe_names_both(refused, tmp_path):
    (tmp_path / "other.toml").write_text('recipe = "other"\n')
    said = refused("run", "pix2pix", "--config", "other.toml")
    assert "other.toml is for recipe 'other', not 'pix2pix'" in said
