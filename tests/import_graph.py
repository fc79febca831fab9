"""Who imports whom: modules and packages of the core, read with ast. `python tests/import_graph.py` draws the picture.

python tests/import_graph.py          # the picture, as Mermaid
python tests/import_graph.py --write  # into docs/architecture.md
"""

import ast
import functools
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- import graph: begin -->\n", "<!-- import graph: end -->\n"
PLUGINS = sorted(p.name for p in (ROOT / "plugins").iterdir() if (p / "__init__.py").exists())


@dataclass(frozen=True)
class Import:
    """One import statement: `at_import`, it runs with the module; else in a function, or for type checkers only."""

    module: str
    name: str
    at_import: bool
    is_for_types: bool


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the core and of the built-in plugins by its dotted name."""
    for root in (ROOT, ROOT / "plugins"):
        for package in ["imtrans"] if root == ROOT else PLUGINS:
            for path in sorted((root / package).rglob("*.py")):
                parts = path.relative_to(root).with_suffix("").parts
                yield ".".join(p for p in parts if p != "__init__"), path


def imports(module: str, path: Path) -> Iterator[Import]:
    """Every import of a module, wherever it stands."""

    def walk(node: ast.AST, *, at_import: bool, for_types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            is_inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            is_typing = for_types or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
            if isinstance(child, ast.Import):
                yield from (Import(module, alias.name, at_import, is_typing) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module}: imports are absolute"
                names = (_full(child.module or "", a.name) for a in child.names)
                yield from (Import(module, name, at_import, is_typing) for name in names)
            yield from walk(child, at_import=at_import and not (is_inside or is_typing), for_types=is_typing)

    yield from walk(ast.parse(path.read_text("utf-8")), at_import=True, for_types=False)


def _full(package: str, name: str) -> str:
    for root in (ROOT, ROOT / "plugins"):
        place = root.joinpath(*package.split("."))
        if (place / f"{name}.py").exists() or (place / name / "__init__.py").exists():
            return f"{package}.{name}"
    return package


@functools.cache
def all_imports() -> list[Import]:
    """Every import of every module."""
    return [one for module, path in modules() for one in imports(module, path)]


def room(module: str) -> str:
    """The node of the picture that a module belongs to: a package, or a module that lies beside packages."""
    parts = module.split(".")
    depth = 3 if parts[:2] == ["imtrans", "engine"] else 2
    return ".".join(parts[:depth])


def arrows() -> set[tuple[str, str]]:
    """From which room of the core to which other one something is imported, also in functions; types do not count."""
    core = [
        i
        for i in all_imports()
        if i.module.startswith("imtrans.") and i.name.startswith("imtrans.") and not i.is_for_types
    ]
    return {(room(i.module), room(i.name)) for i in core if room(i.module) != room(i.name)}


def circle(edges: Iterable[tuple[str, str]]) -> list[str]:
    """The nodes of a circle in the order of its arrows; nothing where there is none."""
    targets: dict[str, list[str]] = {}
    for start, end in sorted(edges):
        targets.setdefault(start, []).append(end)
    done: set[str] = set()

    def visit(node: str, trail: list[str]) -> list[str]:
        if node in trail:
            return [*trail[trail.index(node) :], node]
        if node in done:
            return []
        found = next((c for t in targets.get(node, ()) if (c := visit(t, [*trail, node]))), [])
        done.add(node)
        return found

    return next((c for node in list(targets) if (c := visit(node, []))), [])


def reduced(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows without those that follow from longer ways; of a graph without a circle."""
    targets: dict[str, set[str]] = {}
    for start, end in edges:
        targets.setdefault(start, set()).add(end)

    def reach(node: str, memo: dict[str, set[str]]) -> set[str]:
        if node not in memo:
            memo[node] = set().union(*({t} | reach(t, memo) for t in targets.get(node, ())), set())
        return memo[node]

    memo: dict[str, set[str]] = {}
    return {(a, b) for a, b in edges if not any(b in reach(t, memo) for t in targets[a] if t != b)}


def picture(edges: set[tuple[str, str]]) -> str:
    """The reduced graph as Mermaid, in a fixed order."""
    lines = [f"  {_short(a)} --> {_short(b)}" for a, b in sorted(reduced(edges))]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```", ""])


def table(edges: set[tuple[str, str]]) -> str:
    """Every arrow, a line for each room."""
    targets: Mapping[str, list[str]] = {a: sorted(_short(b) for x, b in edges if x == a) for a, _ in edges}
    lines = [f"| `{_short(a)}` | {', '.join(targets[a])} |" for a in sorted(targets)]
    return "\n".join(["| room | imports |", "|---|---|", *lines, ""])


def drawn() -> str:
    """What stands in docs/architecture.md between the marks."""
    return f"{picture(arrows())}\n{table(arrows())}"


def _short(name: str) -> str:
    return name.removeprefix("imtrans.")


if __name__ == "__main__":
    if "--write" in sys.argv:
        before, _, rest = PAGE.read_text("utf-8").partition(START)
        PAGE.write_text(before + START + drawn() + END + rest.partition(END)[2], encoding="utf-8")
    else:
        print(drawn())
