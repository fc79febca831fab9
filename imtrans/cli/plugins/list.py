"""imtrans plugins list"""

import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.table import table, width_of_output
from imtrans.errors import printable
from imtrans.plugins.catalog import kind_of
from imtrans.plugins.discovery import PluginRecord


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
def command(session: Session, as_json: bool) -> None:
    """Show every plugin: its distribution, what it provides, how long it loads, and why one is not used."""
    plugins = session.discover_quietly()
    rows = [*map(_row, plugins.records), *(_row(r, state="blocked") for r in plugins.blocked)]
    click.echo(json.dumps(rows, indent=1) if as_json else "\n".join(_lines(rows)))


def _row(record: PluginRecord, *, state: str = "") -> dict[str, Any]:
    return {
        "name": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "file": _file(record),
        "provides": [{"kind": kind_of(thing), "name": thing.name} for thing in record.provided],
        "seconds": round(record.seconds, 4),
        "state": state or ("broken" if record.error else "ok"),
        "reason": record.error,
        "changed": [*record.changed],
    }


def _file(record: PluginRecord) -> str:
    """Where its code is, found without importing it; empty where that cannot be told."""
    if record.target.endswith(".py"):
        return str(Path(record.target).absolute())
    name = record.target.partition(":")[0].partition(".")[0].strip()
    try:
        module = sys.modules.get(name)
        origin = module.__file__ if module else (spec.origin if (spec := importlib.util.find_spec(name)) else "")
    except (ImportError, ValueError, AttributeError):
        return ""
    return origin or ""


def _lines(rows: Iterable[dict[str, Any]]) -> Iterable[str]:
    rows = [*rows]
    cells = [("plugin", "from", "provides", "loaded in", "state")]
    cells += [
        (r["name"], f"{r['distribution']} {r['version']}".strip(), _provides(r), f"{r['seconds']:.2f} s", r["state"])
        for r in rows
    ]
    yield from table(cells, width=width_of_output(), fixed=1)
    faults = [f"{r['name']} ({r['distribution']}): {r['state']}: {r['reason']}" for r in rows if r["reason"]]
    faults += [f"{r['name']}: changed {', '.join(r['changed'])} when it was loaded" for r in rows if r["changed"]]
    yield from ["", *map(printable, faults)] if faults else []


def _provides(row: dict[str, Any]) -> str:
    counts = Counter(thing["kind"] for thing in row["provides"])
    kinds = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    return kinds or "hooks" * (row["state"] == "ok")
