"""What the shell is offered while an `imtrans` command is typed: names of this folder and of the plugins."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from click.shell_completion import CompletionItem, shell_complete

from imtrans.config.keys import all_keys
from imtrans.plugins.catalog import LISTED_KINDS, Catalog
from imtrans.plugins.discovery import discover

RUNS = Path("runs")


def answer(group: click.Group, variable: str) -> int:
    """Print what the shell asks for in this variable, as its completion function expects it; the exit code."""
    return shell_complete(group, {}, "imtrans", variable, os.environ[variable])


def attach(command: click.Command) -> None:
    """Let the parameters of a command, known by their names, complete with what exists."""
    for parameter in command.params:
        completer = _COMPLETERS.get(parameter.name or "")
        if completer:
            parameter.shell_complete = partial(_items, completer)  # type: ignore[method-assign]
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        attach(inner)


def _items(completer: Callable[[str], list[str]], ctx: click.Context, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 - click's
    names = [name for name in completer(incomplete) if name.startswith(incomplete)]
    # Where nothing fits it may be the path of a file.
    return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="file")]


def _names(kind: str, incomplete: str) -> list[str]:  # noqa: ARG001 - what every completer gets
    return [entry.name for entry in Catalog(discover().records).entries(kind)]


def _runs(incomplete: str) -> list[str]:
    """The runs here, newest first; their paths where a path is begun."""
    records = sorted(RUNS.glob("*/run.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [str(r.parent) if incomplete.startswith(f"{RUNS}/") else r.parent.name for r in records]


def _keys(incomplete: str) -> list[str]:  # noqa: ARG001 - what every completer gets
    return list(dict.fromkeys(key.key for key in all_keys(Catalog(discover().records))))


def _settings(incomplete: str) -> list[str]:
    return [f"{key}=" for key in _keys(incomplete)]


def _kinds(incomplete: str) -> list[str]:  # noqa: ARG001 - what every completer gets
    return list(LISTED_KINDS)


_datasets, _recipes = partial(_names, "dataset"), partial(_names, "recipe")
_COMPLETERS: dict[str, Callable[[str], list[str]]] = {
    "recipe": _recipes,
    "dataset": _datasets,
    **dict.fromkeys(("run", "runs", "what", "init"), _runs),
    "settings": _settings,
    "key": _keys,
    "kind": _kinds,
    "exporters": partial(_names, "exporter"),
}
