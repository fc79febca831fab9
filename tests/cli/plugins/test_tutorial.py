"""docs/write-a-plugin.md: every command and every file of it, in its order."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "write-a-plugin.md"
SMALL = [
    "--steps",
    "2",
    "--set",
    "generator.width=2",
    "--set",
    "discriminator.width=2",
    "--set",
    "dataset.pairs=8",
    "--set",
    "metrics=l1",
]


def forget():
    for name in [m for m in sys.modules if m.startswith("imtrans_soft_net")]:
        del sys.modules[name]


def run_its_tests(folder, site):
    path = os.pathsep.join([str(Path(folder, "src").absolute()), str(site), *sys.path])
    flags = ("-q", "-n", "0", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", folder)
    command, env = [sys.executable, "-m", "pytest", *flags, folder], {**os.environ, "PYTHONPATH": path}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.slow
def test_the_tutorial_works_as_it_is_written(cli, plugin_dist, tmp_path, monkeypatch):
    site = plugin_dist("imtrans-soft-net", points={"soft-net": "imtrans_soft_net"})
    source = tmp_path / "imtrans-soft-net" / "src"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(source), str(site), *sys.path]))
    shown = ""
    for language, block in re.findall(r"```(console|python)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        if language == "python":
            path = tmp_path / block.partition("\n")[0].removeprefix("# ")
            assert path.is_file(), f"{path}: plugins new does not write it"
            path.write_text(block, "utf-8")
            forget()
            continue
        for line in block.splitlines():
            program, *arguments = shlex.split(line)
            if arguments[:2] == ["-m", "pip"]:
                assert arguments[2:] == ["install", "-e", "imtrans-soft-net[test]"]  # `site` stands for it
            elif program == "python":
                assert arguments[:2] == ["-m", "pytest"]
                run_its_tests(arguments[2], site)
            else:
                assert program == "imtrans"
                ended = cli(*arguments, *(SMALL if arguments[0] == "run" else ()))
                assert ended.code == 0, f"{line}: {ended.err}"
                shown += ended.out
                if arguments[:2] == ["plugins", "new"]:
                    monkeypatch.syspath_prepend(str(source))
    forget()
    assert "generator soft-net            ok" in shown
    assert "generator.dilation" in shown  # of the comparison
