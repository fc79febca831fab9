"""The check that belongs to each kind, and the process in which `imtrans plugins check` calls them."""

import contextlib
import dataclasses
import importlib
import json
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from imtrans.cli.plugins.probe import IMPORT, MARK, PREPARE
from imtrans.errors import ImtransError, NotInstalledError, PluginError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import PluginRecord, file_record
from imtrans.testing.contract import component, plugin_file

UNMADE = ("method", "importer", "format")  # their checks need networks, or files of other programs


def check_provided(kind: str, name: str) -> str:
    """Check what a plugin provides under this name, with the options that it has by default.

    ContractError, or whatever it raises, says what is wrong. What is returned says why nothing could be checked, empty
    where it was.
    """
    if kind in UNMADE:
        from imtrans.engine.build import load_target

        load_target(component(kind, name))  # type: ignore[arg-type]
        return f"it can be imported; imtrans.testing.check_{kind} has more, with what its tests give it"
    getattr(importlib.import_module("imtrans.testing"), f"check_{kind}")(name)
    return ""


def main() -> None:
    """Load one plugin, and check what it provides; a line of JSON before and after each step.

    stdin: {"name", "distribution", "file", "skip"}, where "skip" are the steps that have been done, "kind name" each.
    """
    task = json.load(sys.stdin)
    sys.stdout = sys.stderr  # what a plugin prints is none of the lines
    _tell(begin=IMPORT)
    with contextlib.ExitStack() as stack:
        record, known = _load(task, stack)
        _tell(end=IMPORT, error=record.error, seconds=record.seconds, changed=[*record.changed])
        _tell(begin=PREPARE)
        importlib.import_module("imtrans.engine.build")  # torch: its seconds are none of the first component's
        _tell(end=PREPARE)
        for entry in known.entries():
            step = f"{entry.kind} {entry.thing.name}"
            if entry.plugin is record and step not in task["skip"]:
                _tell(begin=step)
                _tell(end=step, **_outcome(entry.kind, entry.name))


def _load(task: Mapping[str, Any], stack: contextlib.ExitStack) -> tuple[PluginRecord, Catalog]:
    """The record of the plugin, and everything that the checks then know."""
    os.environ |= {"IMTRANS_PLUGINS": task["name"], "IMTRANS_DISABLE_PLUGINS": ""}  # it alone beside the built-ins
    try:
        plugins = stack.enter_context(plugin_file(*filter(None, [task["file"]])))
    except ImtransError as error:  # a file that cannot be loaded
        return dataclasses.replace(file_record(task["file"]), error=error.what), Catalog([])
    mine = [r for r in plugins.records if (r.name, r.distribution) == (task["name"], task["distribution"])]
    return mine[-1], Catalog(plugins.records)


def _outcome(kind: str, name: str) -> dict[str, str]:
    try:
        return {"error": "", "note": check_provided(kind, name)}
    except ImtransError as error:
        # Packages, pictures, weights and settings that only its user has are no fault of the plugin.
        is_fault = isinstance(error, PluginError) and not isinstance(error, NotInstalledError)
        return {"error": error.what if is_fault else "", "note": "" if is_fault else error.what}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code may fail in any way
        text = str(error) if isinstance(error, AssertionError) and str(error) else f"{type(error).__name__}: {error}"
        return {"error": " ".join(text.split()), "trace": traceback.format_exc()}


def _tell(**values: Any) -> None:
    print(MARK + json.dumps(values), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main()
