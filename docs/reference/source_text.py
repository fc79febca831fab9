"""What a module's source says of its public classes and functions, as Markdown; nothing is imported."""

import ast
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

WIDTH = 100
Definition = ast.ClassDef | ast.FunctionDef
SHOWN = ("__call__", "__getitem__", "__len__")


def definitions(path: Path, names: Collection[str] = ()) -> list[Definition]:
    """The public classes and functions of a module in their order, or those of these names."""
    nodes = [n for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, ast.ClassDef | ast.FunctionDef)]
    return [n for n in nodes if (n.name in names if names else not n.name.startswith("_"))]


def aliases(path: Path) -> list[str]:
    """The module's names for types and for fixed tuples, as they are assigned."""
    lines = []
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.Tuple):
            value = type_text(node.value) if isinstance(node.value, ast.Subscript) else _default(node.value)
            lines.append(f"{ast.unparse(node.targets[0])} = {value}")
    return [line for line in lines if re.match("[A-Z]", line)]


def type_text(node: ast.AST | None) -> str:
    """A type as it stands in the source, but for quotes around names that only type checkers import."""
    text = ast.unparse(node) if node else ""
    # What Literal holds is in quotes, too, and stays so.
    parts = re.split(r"(Literal\[[^\]]*\]|Tuple\()", text)
    return "".join(p if p.startswith("Literal") else re.sub(r"'([A-Za-z].*?)'", r"\1", p) for p in parts).replace(
        "'", '"'
    )


def signature(node: ast.FunctionDef, *, is_method: bool = False) -> str:
    """`def name(...) -> ...`, on one line where it fits."""
    parts = _arguments(node.args)[1 if is_method else 0 :]
    result = f" -> {type_text(node.returns)}" if node.returns else ""
    line = f"def {node.name}({', '.join(parts)}){result}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"def {node.name}(", *(f"    {part}," for part in parts), f"){result}"])


def docstring(node: Definition) -> str:
    """Its docstring as Markdown: stars and angle brackets outside of code are text."""
    lines = (ast.get_docstring(node) or "").splitlines()
    pieces = re.split(r"(`[^`]*`)", "\n".join(line.strip() for line in lines))
    return "".join(p if p.startswith("`") else re.sub(r"([*<_])", r"\\\1", p) for p in pieces)


def section(node: Definition, links: Callable[[str], str], *, level: int = 2) -> Iterator[str]:
    """The page's part about a class or function; `links` makes lines of the types that a piece of source names."""
    yield f"{'#' * level} {node.name}\n"
    if isinstance(node, ast.FunctionDef):
        yield f"```python\n{signature(node)}\n```\n"
        yield f"{docstring(node)}\n"
    else:
        yield from _class(node)
    if also := links(ast.unparse(node)):
        yield f"{also}\n"


def _class(node: ast.ClassDef) -> Iterator[str]:
    yield f"{docstring(node)}\n"
    functions = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    if init := next((f for f in functions if f.name == "__init__"), None):
        shown = signature(init, is_method=True).removeprefix("def __init__").removesuffix(" -> None")
        yield f"```python\n{node.name}{shown}\n```\n"
    yield from _fields(node)
    for function in functions:
        if function.name in SHOWN or not function.name.startswith("_"):
            is_value = any("property" in ast.unparse(d) for d in function.decorator_list)
            value = f"{function.name}: {type_text(function.returns)}"
            yield f"```python\n{value if is_value else signature(function, is_method=True)}\n```\n"
            yield from [f"{docstring(function)}\n"] if ast.get_docstring(function) else []


def _fields(node: ast.ClassDef) -> Iterator[str]:
    items = [i for i in node.body if isinstance(i, ast.AnnAssign) and not ast.unparse(i.target).startswith("_")]
    if not items:
        return
    helps = [_help(item.value) for item in items]
    more = ("| what it is |", "---|") if any(helps) else ("|", "")
    yield f"| field | type | default {more[0]}\n|---|---|---|{more[1]}"
    for item, text in zip(items, helps, strict=True):
        cells = [_cell(ast.unparse(item.target)), _cell(type_text(item.annotation)), _cell(_default(item.value))]
        yield f"| {' | '.join([*cells, *([text] if any(helps) else [])])} |"
    yield ""


def _arguments(arguments: ast.arguments) -> list[str]:
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + arguments.defaults
    parts = [_argument(a, d) for a, d in zip(plain, defaults, strict=True)]
    if arguments.vararg:
        parts.append("*" + _argument(arguments.vararg))
    elif arguments.kwonlyargs:
        parts.append("*")
    parts += [_argument(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return parts + (["**" + _argument(arguments.kwarg)] if arguments.kwarg else [])


def _argument(argument: ast.arg, default: ast.expr | None = None) -> str:
    kind = f": {type_text(argument.annotation)}" if argument.annotation else ""
    value = f" = {_default(default)}" if kind else f"={_default(default)}"
    return argument.arg + kind + (value if default else "")


def _default(value: ast.expr | None) -> str:
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "option":
        value = value.args[0]
    elif isinstance(value, ast.Call) and ast.unparse(value.func) in ("field", "dataclasses.field"):
        return f"{next(ast.unparse(k.value) for k in value.keywords if k.arg == 'default_factory')}()"
    return ast.unparse(value).replace("'", '"') if value else ""


def _help(value: ast.expr | None) -> str:
    is_option = isinstance(value, ast.Call) and ast.unparse(value.func) == "option"
    return str(ast.literal_eval(value.args[1])) if is_option and isinstance(value, ast.Call) else ""


def _cell(code: str) -> str:
    return f"`{code}`".replace("|", "\\|") if code else ""
