"""The check that belongs to each kind, and the process in which `imtrans plugins check` calls them."""

import dataclasses
import importlib
import json
import sys
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from imtrans.errors import ImtransError, NotInstalledError, PluginError
from imtrans.plugins.catalog import Catalog, kind_of
from imtrans.plugins.declarations import Provided
from imtrans.plugins.discovery import PluginRecord, Selection, discover, file_record
from imtrans.testing.contract import known_catalog

PREPARE = "prepare"
STEPS = "##"  # begins each line that the parent reads


def check_provided(thing: Provided, catalog: Catalog, name: str) -> str:
    """Check one thing that a plugin provides, with the options that it has by default.

    `name` reaches it: bare, or "distribution:name". ContractError, or whatever it raises, says what is wrong. What is
    returned says why nothing could be checked, empty where it was.
    """
    kind = kind_of(thing)
    if kind == "recipe":
        from imtrans.config.resolve import resolve

        resolve(catalog, name)
        return ""
    check = getattr(importlib.import_module("imtrans.testing"), f"check_{kind}", None)
    if check is None or kind == "method":
        from imtrans.engine.build import load_target

        is_component = kind != "protocol"
        if is_component:
            load_target(catalog.component(kind, name))  # type: ignore[arg-type]
        return f"its target can be imported; imtrans.testing.check_{kind} has more" if is_component else ""
    check(name)
    return ""


def main() -> None:
    """Load one plugin, and check what it provides; a line of JSON before and after each step.

    stdin: {"name", "distribution", "file", "skip"}, where "skip" are the steps that have been done, "kind name" each.
    """
    task = json.load(sys.stdin)
    sys.stdout = sys.stderr  # what a plugin prints is none of the lines
    _tell(begin="import")
    record, catalog = _load(task)
    _tell(end="import", error=record.error, seconds=record.seconds, changed=[*record.changed])
    _tell(begin=PREPARE)
    importlib.import_module("imtrans.engine.build")  # torch: its seconds are none of the first component's
    _tell(end=PREPARE)
    with known_catalog(catalog):
        for entry in catalog.entries():
            step = f"{entry.kind} {entry.thing.name}"
            if entry.plugin is record and step not in task["skip"]:
                _tell(begin=step)
                _tell(end=step, **_outcome(entry.thing, catalog, entry.name))


def _load(task: Mapping[str, Any]) -> tuple[PluginRecord, Catalog]:
    files = [task["file"]] if task["file"] else []
    try:
        plugins = discover(Selection(allow=frozenset([task["name"]]), files=tuple(files)))
    except ImtransError as error:  # a file that cannot be loaded
        return dataclasses.replace(file_record(task["file"]), error=error.what), Catalog([])
    mine = [r for r in plugins.records if (r.name, r.distribution) == (task["name"], task["distribution"])]
    return mine[-1], Catalog(plugins.records)


def _outcome(thing: Provided, catalog: Catalog, name: str) -> dict[str, str]:
    try:
        return {"error": "", "note": check_provided(thing, catalog, name)}
    except ImtransError as error:
        # Packages, pictures, weights and settings that only its user has are no fault of the plugin.
        is_fault = isinstance(error, PluginError) and not isinstance(error, NotInstalledError)
        return {"error": error.what if is_fault else "", "note": "" if is_fault else error.what}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code may fail in any way
        text = str(error) if isinstance(error, AssertionError) and str(error) else f"{type(error).__name__}: {error}"
        return {"error": " ".join(text.split()), "trace": traceback.format_exc()}


def _tell(**values: Any) -> None:
    print(STEPS + json.dumps(values), file=sys.__stdout__, flush=True)


def steps_in(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    """What the process has told in its lines."""
    yield from (json.loads(line.removeprefix(STEPS)) for line in lines if line.startswith(STEPS))


if __name__ == "__main__":
    main()
