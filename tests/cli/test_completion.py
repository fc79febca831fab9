"""imtrans completion: what the shells themselves get, where they are installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LINES = {
    "imtrans exp": {"explain", "export"},
    "imtrans run pix2pix-mi": {"pix2pix-mish1", "pix2pix-mish2", "pix2pix-mish3"},
    "imtrans resume f": {"first"},
    "imtrans translate runs/f": {"runs/first"},
    "imtrans run pix2pix --dataset faca": {"facades"},
    "imtrans run pix2pix --set train.evaluate_e": {"train.evaluate_every="},
    "imtrans explain train.optimizer.l": {"train.optimizer.lr"},
    "imtrans list gener": {"generator"},
    "imtrans data fe": {"fetch"},
    "imtrans completion z": {"zsh"},
}
ASK = {
    "bash": """eval "$({imtrans} completion bash)"
imtrans() {{ {imtrans} "$@"; }}
COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_imtrans_completion {program}
printf '%s\\n' "${{COMPREPLY[@]}}"
""",
    "fish": "{imtrans} completion fish | source; complete -C '{line}'",
}


@pytest.fixture
def program(tmp_path):
    """`imtrans` as a program of this Python, and a run to complete."""
    path = tmp_path / "bin" / "imtrans"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m imtrans "$@"\n')
    path.chmod(0o755)
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "runs" / "first" / "run.json").write_text("{}")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("shell", ASK)
@pytest.mark.parametrize("line", LINES)
def test_a_shell_offers_what_there_is(shell, line, program, tmp_path, monkeypatch):
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    if shell == "fish" and line not in list(LINES)[:3]:
        pytest.skip("the words come from the same function")
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    script = ASK[shell].format(imtrans="command imtrans" if shell == "bash" else "imtrans", line=line, program=program)
    done = subprocess.run([shell, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    words = {text.partition("\t")[0] for text in done.stdout.splitlines()}  # fish shows a help beside
    assert words == LINES[line], done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_valid_and_asks_imtrans(shell, cli):
    done = cli("completion", shell)
    assert done.code == 0
    assert "_IMTRANS_COMPLETE" in done.out
    if shutil.which(shell):
        Path("script").write_text(done.out)
        assert subprocess.run([shell, "-n", "script"], check=False).returncode == 0


def test_zsh_is_given_words_in_its_own_form(program, tmp_path, monkeypatch):
    monkeypatch.setenv("COMP_WORDS", "imtrans run pix2pix-mi")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("_IMTRANS_COMPLETE", "zsh_complete")
    done = subprocess.run([program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "plain",
        "pix2pix-mish1",
        "_",
        "plain",
        "pix2pix-mish2",
        "_",
        "plain",
        "pix2pix-mish3",
        "_",
    ]


def test_an_unknown_shell_is_refused(cli):
    assert cli("completion", "tcsh").code == 2
