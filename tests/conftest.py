"""What several tests need: the built-ins' catalogue, the command line, pairs on disk, made-up plugins."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no fault of the code: no deadline for an example, and the same examples in every run.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

# One thread a process: tests run side by side, and torch would start as many threads as there are cores in each.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import Selection, discover


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def a_cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded pictures and the like are kept apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMTRANS_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """What ships with imtrans, and nothing else that happens to be installed."""
    return Catalog(discover(Selection(others=False)).records)


@pytest.fixture(autouse=True)
def no_module_of_another_test(tmp_path: Path) -> Iterator[None]:
    """A plugin file that a test made is forgotten: the next one may have the same name and other contents."""
    before = set(sys.modules)  # to look at all of them would take a fifth of the time of the tests
    yield
    for name in [*sys.modules]:
        if name not in before and str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """One command line in this process, in an empty folder."""
    from imtrans.cli.main import run

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = run([*arguments])
        told = capsys.readouterr()
        return Outcome(code, told.out, told.err)

    return call


@pytest.fixture
def subprocess_cli(tmp_path: Path) -> Callable[..., Outcome]:
    """One command line as a process of its own; `env` changes the environment, None takes a variable out of it."""

    def call(*arguments: str, env: Mapping[str, str | None] | None = None) -> Outcome:
        changed = {**os.environ, "IMTRANS_HOME": str(tmp_path / "home"), **(env or {})}
        done = subprocess.run(
            [sys.executable, "-m", "imtrans", *arguments],
            cwd=tmp_path,
            env={k: v for k, v in changed.items() if v is not None},
            capture_output=True,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def plugin_dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a distribution with plugins without installing it: PATH of a folder for sys.path or PYTHONPATH.

    Keyword arguments are modules with their source; each is an entry point of its own name unless `points` says more.
    """
    folder = tmp_path / "site"

    def make(name: str, *, version: str = "1.0", points: Mapping[str, str] | None = None, **modules: str) -> Path:
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{k} = {v}" for k, v in (points or {m: m for m in modules}).items()]
        (info / "entry_points.txt").write_text("\n".join(["[imtrans]", *lines, ""]))
        (info / "RECORD").write_text("")
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(str(folder))
        importlib.invalidate_caches()
        return folder

    return make


@pytest.fixture
def pairs(tmp_path: Path) -> Callable[..., Path]:
    """Writes `count` pictures into each split, random blocks of 32 px and their negative; gives --dataset."""

    def make(count: int = 4, *, splits: tuple[str, ...] = ("train", "val"), size: int = 32) -> Path:
        import numpy as np
        from PIL import Image

        draws = np.random.default_rng(0)
        for split in splits:
            (tmp_path / "pairs" / split).mkdir(parents=True)
            for number in range(count):
                blocks = draws.integers(0, 256, (4, 4, 3), dtype=np.uint8)
                half = np.kron(blocks, np.ones((size // 4, size // 4, 1), dtype=np.uint8))
                Image.fromarray(np.hstack([half, 255 - half])).save(tmp_path / "pairs" / split / f"{number}.png")
        return tmp_path / "pairs"

    return make
