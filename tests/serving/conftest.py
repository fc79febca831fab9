"""A small model, and a server of it that runs as a program does, in a process of its own."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from web_runtime import web_flags

ARGUMENTS = ["pix2pix", "--name", "small", "--steps", "2", "--device", "cpu"]
SMALL = {
    "dataset.pairs": "8",
    "data.size": "32",
    "generator.depth": "3",
    "generator.width": "2",
    # After two steps convolutions at full size, or narrow weights, would hide what dropout does to levels of 256.
    "generator.detail": "0",
    "generator.init_std": "0.3",
    "generator.upsampling": "transposed",
    "discriminator.width": "2",
    "train.num_samples": "2",
    "metrics": "l1",
    "inference.dropout": "true",
}


@dataclass(frozen=True)
class Running:
    """A server: its address, its process, and the folder of its temporary files."""

    url: str
    process: "subprocess.Popen[str]"
    temporary: Path

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.url.rsplit(":", 1)[1])

    def files(self) -> list[Path]:
        """The temporary files that are there now."""
        return [path for path in self.temporary.rglob("*") if path.is_file()]

    def memory(self) -> float:
        """MB of the process that are in RAM."""
        text = httpx.get(f"{self.url}/metrics").text
        return int(re.search(r"^process_resident_memory_bytes (\d+)", text, re.MULTILINE)[1]) / 1e6


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two steps, which translates with dropout."""
    from imtrans.cli.main import run

    folder = tmp_path_factory.mktemp("trained")
    settings = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["run", *ARGUMENTS, *settings]) == 0
    return folder / "runs" / "small"


@pytest.fixture(scope="session")
def start(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """Starts `imtrans serve` with more arguments, and ends it with the tests."""
    servers: list[subprocess.Popen[str]] = []

    def serve(*arguments: str, run: Path = trained) -> Running:
        temporary = tmp_path_factory.mktemp("temporary")
        command = [sys.executable, "-u", "-m", "imtrans", "serve", str(run), "--no-open", "--port", "0", *arguments]
        variables = {**os.environ, "TMPDIR": str(temporary)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        process = subprocess.Popen(command, env=variables, **pipes)
        servers.append(process)
        lines: list[str] = []
        while "Ctrl-C" not in "".join(lines):
            line = process.stdout.readline()
            assert line, "".join(lines)
            lines.append(line)
        running = Running(
            re.search(r"http://\S+?:\d+", lines[-1])[0].replace("0.0.0.0", "127.0.0.1"), process, temporary
        )
        _wait(running.url)
        return running

    yield serve
    for process in servers:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="session")
def server(start: Callable[..., Running]) -> Running:
    """One server for all tests that leave it as it is."""
    return start()


def _wait(url: str) -> None:
    for _ in range(100):
        try:
            httpx.get(f"{url}/health")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not answer")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's Chromium; without it, or the package that drives it, the tests are skipped."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(
        (p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None
    )
    if not chromium:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with api.sync_playwright() as playwright:
        # Its own sandbox does not work for root in a container.
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the exported page; without onnxruntime-web, or a network to fetch it, the tests are skipped."""
    from imtrans.cli.main import run

    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    flags, path = web_flags(), tmp_path_factory.mktemp("page") / "page.html"
    if flags is None:
        pytest.skip("onnxruntime-web is not in the cache and cannot be fetched")
    assert run(["export", str(trained), "--to", "web", "-o", str(path), *flags]) == 0
    return path.as_uri()
