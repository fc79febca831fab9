"""imtrans inspect"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imtrans.cli.shared.download_progress import size_of
from imtrans.cli.shared.table import paragraph, table, width_of_output
from imtrans.errors import printable

if TYPE_CHECKING:
    from imtrans.engine.checkpoints.model_summary import ModelSummary

INDENT = 14


@click.command("inspect")
@click.argument("run", metavar="FILE|RUN|RUN@best")
@click.option("--tensors", is_flag=True, help="List every tensor with its type and shape.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
def command(run: str, tensors: bool, as_json: bool) -> None:
    """Show what a model's file says of itself: how it was trained, on which terms, which plugins it needs.

    Only the file's header is read: no code of the model or of a plugin is loaded.
    """
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.checkpoints.model_summary import summarised

    checkpoint = checkpoint_paths.find(Path(run))
    summary = summarised(checkpoint)
    try:
        text = json.dumps(summary.record(has_tensors=tensors), indent=1) if as_json else _shown(summary, tensors)
    except RecursionError:
        raise checkpoint_paths.broken(checkpoint, f"{summary.file.name} has no readable description") from None
    click.echo(text)


def _shown(summary: "ModelSummary", has_tensors: bool) -> str:
    width = width_of_output()
    lines = [
        line
        for label, text in _facts(summary)
        for line in paragraph(printable(label), printable(" ".join(text.split())), indent=INDENT, width=width)
    ]
    if has_tensors:
        rows = [(n, t.dtype, " x ".join(map(str, t.shape)) or "-") for n, t in summary.tensors.items()]
        lines += ["", *table([("tensor", "type", "shape"), *rows], width=width)]
    return "\n".join(lines)


def _facts(summary: "ModelSummary") -> Iterator[tuple[str, str]]:
    yield "file", str(summary.file)
    yield "size", f"{size_of(summary.bytes)} ({summary.bytes:,} bytes)"
    yield "sha256", summary.sha256
    counts = ", ".join(f"{name} {count:,}" for name, count in summary.parameters.items())
    yield summary.counted, f"{sum(summary.parameters.values()):,}" + (f" ({counts})" if counts else "")
    yield "tensors", f"{len(summary.tensors):,}" + (f" ({summary.dtypes})" if summary.tensors else "")
    if summary.model is None:
        lacks = "which networks the weights are of, recipe, channels, size, data set, licence, plugins"
        yield "not stated", f"{lacks}: imtrans did not write this file"
        yield from ((f"text {key}", text) for key, text in summary.texts.items())
        yield "use it", f"imtrans import {summary.file}, if an importer knows it; or imtrans run RECIPE --init FILE"
        return
    yield from ((key, _text(key, value)) for key, value in summary.model.items())


def _text(key: str, value: Any) -> str:
    from imtrans.engine.runs.card_text import in_words

    if value is None:
        return "not stated"
    if key == "plugins":
        return "; ".join(map(_plugin, value)) or "none but those of imtrans"
    return in_words(value) if value not in ({}, []) else "none"


def _plugin(plugin: Mapping[str, Any]) -> str:
    if plugin["file"]:
        return f"{plugin['name']} (a file, which its author has: -p PATH/{plugin['name']})"
    state = f"{plugin['installed']} is installed" if plugin["installed"] else "not installed"
    return f"{plugin['name']} {plugin['version']} ({state})"
