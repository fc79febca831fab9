"""The tools that read the code: ruff for style and form, mypy for types, as pyproject.toml sets them."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("ruff", ["check", "--output-format=concise", "."]),
        ("ruff", ["format", "--check", "--output-format=concise", "."]),
        pytest.param("mypy", ["--no-error-summary", "--hide-error-context"], marks=pytest.mark.slow),
    ],
)
def test_the_tools_have_no_complaint(tool: str, arguments: list[str]) -> None:
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed: python -m pip install 'imtrans[test]'")
    command = [sys.executable, "-m", tool, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
