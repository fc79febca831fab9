"""The plugins of examples/methods as if they were installed: their code, and a distribution that names them."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (str(ROOT / "examples" / "methods"), str(ROOT / "tests" / "fake_plugins"))
