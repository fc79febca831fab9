"""The pages of this folder, from the records, docstrings and commands of imtrans: `python docs/reference/generate.py`.

A test compares them with what this file makes, and the site makes them anew.
"""

import ast
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))
from source_text import Definition, aliases, definitions, docstring, section, signature  # noqa: E402

SOURCE = FOLDER.parents[1] / "imtrans"
NOTE = "This page is written by `python docs/reference/generate.py`, from the source.\n"

# The page that explains a command.
GUIDES = {
    "run": "training", "resume": "training", "rerun": "reproducibility", "translate": "translate", "serve": "serve",
    "inspect": "model-files", "card": "model-files", "push": "hub", "export": "export", "import": "recipes",
    "evaluate": "evaluation", "compare": "watching", "data": "data", "list": "plugins", "explain": "configuration",
    "runs": "watching", "watch": "watching", "plugins": "plugins",
}  # fmt: skip
INTERFACES = {
    "What components are": ("interfaces/protocols.py",),
    "What they exchange": ("interfaces/data.py",),
    "What they are given": ("interfaces/records.py",),
    "Errors": ("errors.py",),
}
RECORDS = {"Components": ("plugins/component.py",), "Recipes and protocols": ("plugins/recipe.py",)}
IN_OPTIONS_PAGE = ("DataOptions", "TrainOptions", "OptimizerOptions")
MORE_RECORDS = {"option": "plugins/options.py", "Interval": "plugins/interval.py"}
KIT = {
    "Base classes": ("kit/bases.py",),
    "Layers, initialisation, image pool": ("kit/nn.py", "kit/spectral_norm.py"),
    "Several networks as one": ("kit/ensemble.py",),
    "Random numbers": ("kit/random.py",),
    "Loss terms": ("kit/loss_terms.py",),
    "Reading and writing pictures": (
        "kit/images/decode.py",
        "kit/images/encode.py",
        "kit/images/header.py",
        "kit/images/instances.py",
    ),
    "Resizing and ranges": ("kit/images/resize.py", "kit/images/convert.py"),
    "timm and torchvision": ("kit/torchvision_compat.py",),
    "Pretrained networks and files of weights": (
        "kit/pretrained.py",
        "kit/weight_file.py",
        "kit/features/efficientnet.py",
    ),
    "Names in a state dict": ("kit/state_dict.py",),
    "Picture files": ("kit/formats.py", "kit/picture_files.py"),
    "Sample sheets": ("kit/report/samples.py", "kit/report/image_grid.py"),
}


def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    return {
        "commands.md": "\n".join(commands()),
        "hooks.md": "\n".join(hooks()),
        "interfaces.md": "\n".join(of_modules(INTERFACES_HEAD, INTERFACES)),
        "kit.md": "\n".join(of_modules(KIT_HEAD, KIT)),
        "python.md": "\n".join(of_modules(PYTHON_HEAD, {"": ("api.py",)})),
        "records.md": "\n".join(records()),
        "testing.md": "\n".join(testing()),
    }


HOOKS_HEAD = f"""# Hooks

{NOTE}
A plugin is a module (or class) with functions of these names, marked by `@hookimpl` (`from imtrans import
hookimpl`). They are all hooks that there are; a misspelt one is refused by name. Arguments are passed by name:
leave out those that you do not use. `imtrans_provide` is called once, when plugins are found. The others belong to
*observers* and are called during a training, in the first process alone, in the order of registration; an observer
that fails is left out with one warning, and training goes on. A module that is a plugin is an observer, too; a
component of kind `observer` is called only where `observers` names it ([plugins](../plugins.md),
[watching](../watching.md)).
"""
INTERFACES_HEAD = f"""# Interfaces

{NOTE}
`from imtrans.interfaces import Batch, Pair, ...`. Components fulfil the protocols; no base class is needed, though
[`imtrans.kit.bases`](kit.md#base-classes) has some. This package never imports torch. Shapes are written in
capitals: `(B, C, *spatial)` is a batch of channels first; `*spatial` is height and width, or depth, height and
width.
"""
RECORDS_HEAD = f"""# Records

{NOTE}
What a plugin declares, without importing torch or the component: `from imtrans import Component, Recipe, ...`. All
records are frozen, and all their fields are given by keyword (but for `ComponentRef` and `WeightedRef`). The keys
`data.*` and `train.*` that a recipe may set are those of [all keys](../options.md).
"""
KIT_HEAD = f"""# The kit, object by object

{NOTE}
What each part is for, with examples: [the kit](../kit.md).
"""
PYTHON_HEAD = f"""# Python

{NOTE}
`import imtrans`: the same as the commands, from Python ([use](../use.md), [translating](../translate.md#python)).
"""
TESTING_HEAD = f"""# Checks for authors

{NOTE}
`from imtrans.testing import ...`. Each check raises `ContractError` with what is wrong, else returns None; a
component is given by its name, as `imtrans list` shows it, with options that make it small
([plugins](../plugins.md#what-each-kind-gives)).
"""
COMMANDS_HEAD = f"""# Commands

{NOTE}
`imtrans COMMAND --help` shows the same in the terminal. `--debug` shows the traceback of an error, `-p FILE.py`
loads a plugin of one file, `--no-plugins` leaves out everything that does not ship with imtrans; all three may
stand anywhere. Every value of a run is a key: [configuration](../configuration.md), [all keys](../options.md).

## Exit codes

| code | what it means |
|---|---|
| 0 | done, or nothing was left to do |
"""


def commands() -> Iterator[str]:
    """Every command as click knows it, and what the exit codes mean."""
    from imtrans.cli import main

    yield COMMANDS_HEAD.rstrip("\n")
    yield from _exit_codes()
    for name in main.cli.list_commands(None):  # type: ignore[arg-type] - the context is not used
        yield from _command(main.cli.get_command(None, name), f"imtrans {name}")  # type: ignore[arg-type]


def hooks() -> Iterator[str]:
    """Every hook with its signature as in the module, and when it is called."""
    yield HOOKS_HEAD
    pages = {"interfaces.md": ("Run", "Sample"), "records.md": ("Component", "EvalProtocol", "Recipe")}
    for node in definitions(SOURCE / "plugins" / "hookspecs.py"):
        assert isinstance(node, ast.FunctionDef)
        also = [text for page, names in pages.items() if (text := _links(names, page)(signature(node)))]
        yield f"## {node.name}\n\n```python\n@hookimpl\n{signature(node)}\n```\n\n{docstring(node)}\n"
        yield from (f"{text}\n" for text in also)


def records() -> Iterator[str]:
    """What plugins declare."""
    parts = {title: _parts(paths) for title, paths in RECORDS.items()}
    more = [definitions(SOURCE / path, [name])[0] for name, path in MORE_RECORDS.items()]
    yield from _page(RECORDS_HEAD, {**parts, "Options": more})


def testing() -> Iterator[str]:
    """Every check that `imtrans.testing` exports."""
    text = (SOURCE / "testing" / "__init__.py").read_text("utf-8")
    names = ast.literal_eval(text.partition("__all__ = ")[2])
    files = sorted((SOURCE / "testing").glob("[!_]*.py"))
    nodes = [node for path in files for node in definitions(path, names)]
    yield from _page(TESTING_HEAD, {"": sorted(nodes, key=lambda node: node.name)})


def of_modules(head: str, titles: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A page of the public objects of modules, under titles."""
    yield from _page(head, {title: _parts(paths) for title, paths in titles.items()})


def _parts(paths: Sequence[str]) -> list[Definition | str]:
    """What modules define: first, as text, their names for types where plugin authors meet them."""
    named = [line for path in paths if path.startswith(("interfaces", "plugins")) for line in aliases(SOURCE / path)]
    nodes = [node for path in paths for node in definitions(SOURCE / path) if node.name not in IN_OPTIONS_PAGE]
    return [*(["```python\n" + "\n".join(named) + "\n```\n"] if named else []), *nodes]


def _page(head: str, parts: Mapping[str, Sequence[Definition | str]]) -> Iterator[str]:
    yield head
    names = {part.name for each in parts.values() for part in each if not isinstance(part, str)}
    for title, each in parts.items():
        yield from [f"## {title}\n"] if title else []
        for part in each:
            is_text = isinstance(part, str)
            yield from [part] if is_text else section(part, _links(names - {part.name}), level=3 if title else 2)


def _links(names: Collection[str], page: str = "") -> Callable[[str], str]:
    def links(source: str) -> str:
        found = sorted({word for word in re.findall(r"[A-Z]\w+", source) if word in names})
        return f"See {', '.join(f'[{name}]({page}#{name.lower()})' for name in found)}." if found else ""

    return links


def _exit_codes() -> Iterator[str]:
    from imtrans import errors

    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.ImtransError)]
    rows = {k.exit_code: k.__doc__.split(" (exit code")[0] for k in reversed(kinds) if k is not errors.Interrupted}
    rows[1] = "A fault in imtrans: the message names the file of its traceback"
    for code, meaning in sorted(rows.items()):
        yield f"| {code} | {meaning.rstrip('.')} |"
    yield "| 130, 143 | Ctrl-C, or SIGTERM; a training saved its progress first |\n"


def _command(command: Any, name: str) -> Iterator[str]:
    context = command.context_class(command, info_name=name)
    yield f"## {name}\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{name} {usage}\n```\n"
    yield f"{_plain(command.help or '')}\n"
    if guide := GUIDES.get(name.split()[1]):
        yield f"More: [{guide}](../{guide}.md).\n"
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    if options:
        yield "| option | what it does |\n|---|---|"
        yield from (_option(option, context) for option in options)
        yield ""
    for below in getattr(command, "commands", {}).values() or _subcommands(command, context):
        yield from _command(below, f"{name} {below.name}")


def _subcommands(command: Any, context: Any) -> Sequence[Any]:
    if not hasattr(command, "list_commands"):
        return ()
    return [command.get_command(context, name) for name in command.list_commands(context)]


def _option(option: Any, context: Any) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag or option.count else f" {option.make_metavar(context)}"
    return f"| `{(names + value).replace('|', chr(92) + '|')}` | {_plain(option.help or '')} |"


def _plain(text: str) -> str:
    """Help as Markdown: one line for each paragraph, signs that Markdown reads as its own escaped."""
    paragraphs = [" ".join(part.split()) for part in text.replace("\b", "").split("\n\n")]
    return re.sub(r"([*<|_\[\]])", r"\\\1", "\n\n".join(paragraphs))


def write() -> None:
    """Write the pages that differ."""
    for name, text in pages().items():
        path = FOLDER / name
        if not path.exists() or path.read_text("utf-8") != text.rstrip("\n") + "\n":
            path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
