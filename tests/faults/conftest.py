"""The form of a refusal: section 3 of the faults."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def refused(cli: Callable, tmp_path: Path) -> Callable[..., str]:
    """Runs a command that must be refused; gives what it says on stderr."""

    def call(*arguments: str, code: int = 2) -> str:
        before = sorted(tmp_path.rglob("*"))
        ended = cli(*arguments)
        assert ended.out == ""
        assert_helpful(ended.err)
        assert ended.code == code, ended.err
        assert sorted(p for p in tmp_path.rglob("*") if "home" not in p.parts) == before
        return ended.err

    return call


@pytest.fixture
def check_message() -> Callable[[str], None]:
    return assert_helpful


def assert_helpful(message: str) -> None:
    """The form of a message: at most three lines, one Error, the thing named, and how to mend it."""
    lines = message.splitlines()
    assert 1 <= len(lines) <= 3, message
    assert message.startswith("Error: ")
    assert message.count("Error: ") == 1
    assert "Traceback" not in message
    assert re.search(r"'.*'|--\w|/|\w\.\w|\(\w+\)", lines[0]), f"names nothing: {message}"
    allowed = r"did you mean|must (be|have)|there are|not both|at most|it has|no such file"
    assert len(lines) > 1 or re.search(allowed, message), f"does not help: {message}"
    assert "\x1b" not in message
