"""Which plugin's code an exception comes from."""

import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from imtrans.plugins.component import Component
from imtrans.plugins.discovery import PluginRecord

# The traceback of a loading process arrives as text.
_LINE = re.compile(r'File "(.+?)", line \d+, in (\S+)')


def component_at_fault(error: BaseException, records: Iterable[PluginRecord]) -> tuple[str, str] | None:
    """The component in whose code an exception was raised or passed, in words, and its kind; the kind is empty where
    only the plugin is known. None: no plugin but those that ship with imtrans had a part in it."""
    others = [record for record in records if not record.is_builtin and not record.error]
    for file, function in _places(error):
        for record in others:
            if _has(record, file):
                return _named(record, file, function)
    return None


def _places(error: BaseException) -> Iterator[tuple[Path, str]]:
    """File and function of each call that was going on, the innermost first."""
    text = str(error)
    yield from ((Path(file), function) for file, function in reversed(_LINE.findall(text)))
    for frame, _ in reversed([*traceback.walk_tb(error.__traceback__)]):
        yield Path(frame.f_code.co_filename), frame.f_code.co_qualname
    if cause := error.__cause__ or error.__context__:
        yield from _places(cause)


def _has(record: PluginRecord, file: Path) -> bool:
    if record.target.endswith(".py"):
        return file.resolve() == Path(record.target).resolve()
    modules = {record.target, *(thing.target for thing in record.provided if isinstance(thing, Component))}
    return any(file.is_relative_to(folder) for folder in map(_place, modules) if folder)


def _place(target: str) -> Path | None:
    """The folder of a target's package, or the file of a module that is in none. None: it has not been imported."""
    name = target.partition(":")[0].partition(".")[0]
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if file is None or name == "imtrans":
        return None
    return Path(file).parent if hasattr(module, "__path__") else Path(file)


def _named(record: PluginRecord, file: Path, function: str) -> tuple[str, str]:
    there = [
        thing
        for thing in record.provided
        if isinstance(thing, Component) and _module_file(thing.target.partition(":")[0]) == file
    ]
    fitting = [c for c in there if function.split(".")[0] == c.target.partition(":")[2].split(".")[0]]
    found = fitting or (there if len(there) == 1 else [])
    if found:
        return f"{found[0].kind} {found[0].name!r} ({record.origin})", found[0].kind
    return f"plugin {record.name} ({record.origin})", ""


def _module_file(name: str) -> Path | None:
    file = getattr(sys.modules.get(name), "__file__", None)
    return Path(file) if file else None
