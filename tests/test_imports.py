"""The direction of imports (docs/architecture.md), read with ast; and what `imtrans list` loads, in a process."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import imtrans

ROOT = Path(__file__).parent.parent
PLUGINS = sorted(p.name for p in (ROOT / "plugins").iterdir() if (p / "__init__.py").exists())
HEAVY = {"torch", "torchvision", "timm", "kornia", "cv2", "numpy", "rich", "PIL", "safetensors", "tomlkit"}

RECORDS = ["imtrans.errors", "imtrans.component", "imtrans.options", "imtrans.recipe"]
LIGHT = [*RECORDS, "imtrans.hookspecs", "imtrans.plugins", "imtrans.catalog", "imtrans.config"]
RESOLVING = [*LIGHT, "imtrans.layers", "imtrans.resolve", "imtrans.configfile"]
ENGINE = [*(m for m in RESOLVING if m != "imtrans.plugins"), "imtrans.interfaces", "imtrans.fsio", "imtrans.kit"]
PUBLIC = [
    "imtrans.component",
    "imtrans.recipe",
    "imtrans.options",
    "imtrans.hookspecs",
]  # also by their names in imtrans
AUTHORS = [*PUBLIC, "imtrans.interfaces", "imtrans.errors", "imtrans.fsio", "imtrans.kit"]
# Module, or package with all in it: what of imtrans it may import when it is imported. A later row goes before.
MAY_IMPORT: dict[str, list[str]] = {
    "imtrans": [],
    "imtrans.__main__": [],
    **{module: RECORDS[:place] for place, module in enumerate(RECORDS)},
    "imtrans.hookspecs": [],
    **{module: LIGHT[:place] for place, module in enumerate(LIGHT) if place > len(RECORDS)},
    **{module: RESOLVING[:place] for place, module in enumerate(RESOLVING) if place >= len(LIGHT)},
    "imtrans.interfaces": LIGHT,
    "imtrans.fsio": ["imtrans.errors"],
    "imtrans.testing": [*LIGHT, "imtrans.interfaces", "imtrans.resolve"],
    "imtrans.kit": ["imtrans.errors", "imtrans.interfaces", "imtrans.fsio", "imtrans.kit"],
    "imtrans.engine": [*ENGINE, "imtrans.engine"],
    "imtrans.cli": LIGHT,
    "imtrans.api": LIGHT,
    "imtrans.commands": [*RESOLVING, "imtrans.cli", "imtrans.commands"],
    **{f"{plugin}.": AUTHORS for plugin in PLUGINS},
    **dict.fromkeys(PLUGINS, PUBLIC),
}
# Besides the standard library. Elsewhere nothing.
THIRD_PARTY: dict[str, set[str]] = {
    "imtrans.hookspecs": {"pluggy"},
    "imtrans.plugins": {"pluggy"},
    "imtrans.cli": {"click"},
    "imtrans.commands": {"click"},
    "imtrans.kit": {"torch", "torchvision", "numpy", "cv2", "PIL", "kornia", "platformdirs"},
    "imtrans.engine": {"torch", "numpy", "cv2", "safetensors", "pluggy"},
    **{f"{plugin}.": {"torch", "torchvision", "timm", "kornia", "numpy", "cv2", "PIL", "rich"} for plugin in PLUGINS},
}


@dataclass(frozen=True)
class Import:
    """One import statement: `at_import`, it runs with the module; else in a function or for type checkers only."""

    module: str
    name: str
    at_import: bool


def modules() -> Iterator[tuple[str, Path]]:
    for root in (ROOT, ROOT / "plugins"):
        for package in ["imtrans"] if root == ROOT else PLUGINS:
            for path in sorted((root / package).rglob("*.py")):
                parts = path.relative_to(root).with_suffix("").parts
                yield ".".join(p for p in parts if p != "__init__"), path


def imports(module: str, path: Path) -> Iterator[Import]:
    def walk(node: ast.AST, *, at_import: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            is_inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            is_for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            if isinstance(child, ast.Import):
                yield from (Import(module, alias.name, at_import) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module}: imports are absolute"
                yield from (Import(module, _full(child.module or "", a.name), at_import) for a in child.names)
            yield from walk(child, at_import=at_import and not (is_inside or is_for_types))

    yield from walk(ast.parse(path.read_text("utf-8")), at_import=True)


def _full(package: str, name: str) -> str:
    place = ROOT.joinpath(*package.split("."))
    is_module = (place / f"{name}.py").exists() or (place / name / "__init__.py").exists()
    return f"{package}.{name}" if is_module else package


ALL = [found for module, path in modules() for found in imports(module, path)]


def row(module: str, table: dict[str, object]) -> str | None:
    """The most special key of the table that a module falls under; "plugin." is all in it but its __init__."""
    keys = [module, f"{module.partition('.')[0]}."] if "." in module else [module]
    keys += [module.rpartition(".")[0]] if module.startswith("imtrans.") and module.count(".") > 1 else []
    return next((k for k in keys if k in table), None)


def is_under(name: str, allowed: list[str] | set[str]) -> bool:
    return any(name == a or name.startswith(f"{a}.") for a in allowed)


def test_every_module_has_a_row() -> None:
    assert [m for m, _ in modules() if row(m, MAY_IMPORT) is None] == []
    assert len(ALL) > 200


def test_imports_of_our_own_modules_go_one_way() -> None:
    wrong = set()
    for found in ALL:
        key = row(found.module, MAY_IMPORT) or ""
        own = found.module.partition(".")[0]
        is_own_plugin = own in PLUGINS and is_under(found.name, {own})
        is_public = own in PLUGINS and found.name == "imtrans"
        is_version = found.name == "imtrans" and key == "imtrans.engine"
        if not found.name.startswith("imtrans") or not found.at_import or is_own_plugin or is_public or is_version:
            continue
        if not is_under(found.name, MAY_IMPORT[key]):
            wrong.add((found.module, found.name))
    assert wrong == set()


def test_no_plugin_imports_the_engine_or_another_plugin_and_the_core_none_at_all() -> None:
    for found in ALL:
        own, target = found.module.partition(".")[0], found.name.partition(".")[0]
        if own == "imtrans":
            assert target not in PLUGINS, found
        else:
            assert target not in set(PLUGINS) - {own}, found
            assert not is_under(found.name, {"imtrans.engine", "imtrans.cli", "imtrans.commands"}), found


def test_the_engine_never_imports_the_command_line_not_even_in_functions() -> None:
    for found in ALL:
        if is_under(found.module, {"imtrans.engine", "imtrans.kit", "imtrans.fsio", "imtrans.interfaces"}):
            assert not is_under(found.name, {"imtrans.cli", "imtrans.commands", "click"}), found


def test_each_module_imports_only_the_third_parties_of_its_row() -> None:
    wrong = set()
    for found in ALL:
        target = found.name.partition(".")[0]
        if found.at_import and target not in sys.stdlib_module_names and target != "imtrans" and target not in PLUGINS:
            key = row(found.module, dict(THIRD_PARTY))
            if target not in THIRD_PARTY.get(key or "", set()):
                wrong.add((found.module, target))
    assert wrong == set()


def test_the_light_half_imports_nothing_heavy() -> None:
    inside = {"imtrans.kit", "imtrans.engine", *(f"{p}.{m.rpartition('.')[2]}" for p in PLUGINS for m, _ in modules())}
    light = [m for m, _ in modules() if not is_under(m, inside)]
    assert {"imtrans.cli", "imtrans.commands.run", "imtrans_unet"} <= set(light)
    assert [f for f in ALL if f.module in light and f.at_import and f.name.partition(".")[0] in HEAVY] == []


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["run", "pix2pix", "--dry-run"], ["--help"]])
def test_light_commands_leave_the_heavy_libraries_alone(command: list[str], tmp_path: Path) -> None:
    source = (
        f"import sys; from imtrans.cli import run; code = run({command!r});"
        "print(sorted(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    loaded = set(ast.literal_eval(done.stderr))
    assert not HEAVY & loaded
    assert ("imtrans_unet" in loaded) == (command != ["--help"])


def test_every_folder_of_plugins_has_an_entry_point_and_the_other_way_round() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["imtrans"]
    assert sorted({target.partition(":")[0].partition(".")[0] for target in told.values()}) == PLUGINS


def test_public_names_of_the_package_are_all_there() -> None:
    for name in set(imtrans.__all__) - {"load"}:
        assert getattr(imtrans, name)
    with pytest.raises(AttributeError, match="module 'imtrans' has no attribute 'nothing'"):
        imtrans.nothing  # noqa: B018
