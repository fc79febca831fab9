"""Every public module, class, function and method says what it gives."""

import ast
from collections.abc import Iterator

from import_graph import ROOT, modules


def undocumented(node: ast.AST, where: str) -> Iterator[str]:
    """Public classes and functions without a docstring; what stands inside functions is nobody's interface."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            if not ast.get_docstring(child):
                yield f"{where}:{child.lineno} {child.name}"
            if isinstance(child, ast.ClassDef):
                yield from undocumented(child, where)


def test_every_public_object_has_a_docstring() -> None:
    missing = []
    for _, path in modules():
        tree, where = ast.parse(path.read_text("utf-8")), str(path.relative_to(ROOT))
        missing += [] if ast.get_docstring(tree) else [where]
        missing += undocumented(tree, where)
    assert missing == []


def test_no_function_or_class_outgrows_its_room() -> None:
    """40 and 120 lines."""
    longer = []
    for _, path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                length, limit = node.end_lineno - node.lineno + 1, 120 if isinstance(node, ast.ClassDef) else 40
                longer += [f"{path.relative_to(ROOT)}: {node.name} has {length} lines"] if length > limit else []
    assert longer == []
