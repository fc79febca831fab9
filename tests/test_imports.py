"""Who may import whom: docs/architecture.md draws it (tests/import_graph.py); and what `imtrans list` loads."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from factories import TINY
from import_graph import END, PAGE, PLUGINS, ROOT, START, all_imports, arrows, circle, drawn, modules

import imtrans

HEAVY = {"torch", "torchvision", "timm", "kornia", "cv2", "numpy", "rich", "PIL", "safetensors", "tomlkit"}
LIGHT = [
    "imtrans.errors",
    "imtrans.plugins",
    "imtrans.config",
    "imtrans.interfaces",
    "imtrans.atomic_io",
    "imtrans.cli",
]
# What a plugin may import of the core; its declarations may import the first row only.
DECLARING = [
    "imtrans.plugins.component",
    "imtrans.plugins.recipe",
    "imtrans.plugins.options",
    "imtrans.plugins.hookspecs",
]
AUTHORS = [*DECLARING, "imtrans.interfaces", "imtrans.errors", "imtrans.atomic_io", "imtrans.kit", "imtrans.net"]
# Besides the standard library, when it is imported. Elsewhere nothing.
THIRD_PARTY: dict[str, set[str]] = {
    "imtrans.plugins": {"pluggy"},
    "imtrans.cli.sweep": {"click", "optuna"},  # the second: extra "sweep", in modules that functions import
    "imtrans.cli": {"click"},
    "imtrans.net": {"platformdirs"},
    "imtrans.kit": {"torch", "torchvision", "numpy", "cv2", "PIL", "kornia", "platformdirs"},
    "imtrans.serving": {"fastapi", "numpy", "pydantic", "starlette", "uvicorn"},
    "imtrans.engine.inference.video": {"av", "cv2", "numpy", "PIL"},  # the first: extra "video"
    "imtrans.engine": {"torch", "numpy", "cv2", "safetensors", "pluggy"},
    "imtrans_microscopy": {"numpy", "tifffile", "imagecodecs"},  # zarr and tiffslide: in functions
    **{
        p: {"torch", "torchvision", "timm", "kornia", "numpy", "cv2", "PIL", "rich"}
        for p in PLUGINS
        if p != "imtrans_microscopy"
    },
}


def is_under(name: str, allowed: list[str] | set[str]) -> bool:
    return any(name == a or name.startswith(f"{a}.") for a in allowed)


def test_the_picture_in_the_docs_is_that_of_the_code() -> None:
    """A new arrow is a decision: whoever wants it draws it, python tests/import_graph.py --write, and says why."""
    page = PAGE.read_text("utf-8")
    assert page.partition(START)[2].partition(END)[0] == drawn()


def test_there_is_no_circle_of_packages_not_even_through_functions() -> None:
    assert circle(arrows()) == []


def test_there_is_no_circle_of_modules_not_even_through_functions() -> None:
    known = {name for name, _ in modules()}
    edges = {(i.module, i.name) for i in all_imports() if i.name in known and i.name != i.module and not i.is_for_types}
    packages = {name for name, path in modules() if path.name == "__init__.py"}
    assert len(edges) > 400
    assert circle({(a, b) for a, b in edges if b not in packages}) == []


def test_no_plugin_imports_the_engine_or_another_plugin_and_the_core_none_at_all() -> None:
    for found in all_imports():
        own, target = found.module.partition(".")[0], found.name.partition(".")[0]
        if own == "imtrans":
            assert target not in PLUGINS, found
        else:
            assert target not in set(PLUGINS) - {own}, found
            is_public = found.name == "imtrans" or is_under(found.name, AUTHORS)
            assert target != "imtrans" or is_public, found


def test_declarations_import_declarations_only() -> None:
    for found in (f for f in all_imports() if f.module in PLUGINS and f.at_import and f.name.startswith("imtrans.")):
        assert is_under(found.name, DECLARING), found


def test_the_engine_never_imports_the_command_line_not_even_in_functions() -> None:
    for found in all_imports():
        if found.module.startswith("imtrans.") and not is_under(found.module, {"imtrans.cli", "imtrans.__main__"}):
            assert not is_under(found.name, {"imtrans.cli", "click"}), found


def test_no_command_imports_another() -> None:
    commands = {name for name, path in modules() if "@click.command" in path.read_text("utf-8")}
    assert len(commands) > 10
    found = {(f.module, f.name) for f in all_imports() if f.module in commands and f.name in commands}
    assert found <= {("imtrans.cli.data.group", f"imtrans.cli.data.{n}") for n in ("check", "make", "preview")}


def test_each_module_imports_only_the_third_parties_of_its_row() -> None:
    wrong = set()
    for found in all_imports():
        target = found.name.partition(".")[0]
        if found.at_import and target not in sys.stdlib_module_names and target != "imtrans" and target not in PLUGINS:
            key = next((k for k in THIRD_PARTY if is_under(found.module, {k})), "")
            if target not in THIRD_PARTY.get(key, set()):
                wrong.add((found.module, target))
    assert wrong == set()


def test_the_light_half_imports_nothing_heavy() -> None:
    light = {m for m, _ in modules() if is_under(m, LIGHT) or m in PLUGINS}
    assert {"imtrans.cli.main", "imtrans.cli.run", "imtrans_unet"} <= light
    assert [f for f in all_imports() if f.module in light and f.at_import and f.name.partition(".")[0] in HEAVY] == []
    rooms = {"imtrans.kit", "imtrans.engine"}
    assert [f for f in all_imports() if f.module in light and f.at_import and is_under(f.name, rooms)] == []


def test_no_folder_holds_more_than_sixteen_files() -> None:
    roots = [ROOT / name for name in ("imtrans", "plugins", "tests", "benchmarks", "examples", "findings")]
    folders = {path.parent for root in roots for path in root.rglob("*.py") if "__pycache__" not in path.parts}
    crowded = {str(f.relative_to(ROOT)): n for f in folders if (n := sum(p.is_file() for p in f.iterdir())) > 16}
    assert crowded == {}


@pytest.mark.parametrize(
    "command", [["list"], ["list", "--json"], ["plugins", "list"], ["run", "pix2pix", "--dry-run"], ["--help"]]
)
def test_light_commands_leave_the_heavy_libraries_alone(command: list[str], tmp_path: Path) -> None:
    source = (
        f"import sys; from imtrans.cli.main import run; code = run({command!r});"
        "print(sorted(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    loaded = set(ast.literal_eval(done.stderr))
    assert not HEAVY & loaded
    assert ("imtrans_unet" in loaded) == (command != ["--help"])


@pytest.mark.slow
def test_a_training_without_colour_changes_imports_no_kornia_before_its_first_step(tmp_path: Path) -> None:
    """It takes 0.1 s; crops and flips on the CPU do without, and no metric has been asked yet."""
    source = (
        "import os, sys; from imtrans.cli.main import run\n"
        "def end(event, given):\n"
        "    if event == 'open' and str(given[0]).endswith('metrics.jsonl') and str(given[1])[:1] in 'aw':\n"
        "        print(sorted(sys.modules), file=sys.stderr, flush=True); os._exit(7)\n"
        f"sys.addaudithook(end); run({['run', 'pix2pix', *TINY]!r})"
    )
    done = subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    loaded = set(ast.literal_eval(done.stderr.splitlines()[-1]))
    assert "torch" in loaded
    assert not {"kornia", "torchvision", "timm", "matplotlib", "pandas", "jinja2", "torch._dynamo"} & loaded


def test_every_folder_of_plugins_has_an_entry_point_and_the_other_way_round() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["imtrans"]
    assert sorted({target.partition(":")[0].partition(".")[0] for target in told.values()}) == PLUGINS


def test_public_names_of_the_package_are_all_there() -> None:
    for name in set(imtrans.__all__) - {"load"}:
        assert getattr(imtrans, name)
    with pytest.raises(AttributeError, match="module 'imtrans' has no attribute 'nothing'"):
        imtrans.nothing  # noqa: B018
