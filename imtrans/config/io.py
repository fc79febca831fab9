"""Configuration files: read from TOML or JSON, written as TOML."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans.config.schema import RunConfig
from imtrans.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_LEVELS = 20  # far more than any key needs, far less than what overflows the stack in `_check_depth`


def read(path: Path, *, flag: str = "--config ") -> dict[str, Any]:
    """The tables of a TOML or JSON file. ConfigError names file, line and column of what is wrong."""
    text = read_text(path, flag=flag)
    parsers: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": json.loads}
    if path.suffix.lower() not in parsers:
        kind = path.suffix or "one without a suffix"
        raise ConfigError(
            f"{path}: a configuration is a .toml or .json file, not {kind}", hint="Write it as TOML or JSON."
        )
    try:
        tree = parsers[path.suffix.lower()](text)
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError as error:
        raise ConfigError(f"{path}{_position(error, text)}: {_fault(error)}", hint="Fix that line.") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: must be a table of keys, not a {type(tree).__name__}")
    _check_depth(tree, path)
    return tree


def read_text(path: Path, *, flag: str = "--config ") -> str:
    """The text of a file of at most 1 MB of UTF-8 (a byte order mark is taken off); `flag` goes before it in errors."""
    try:
        if not path.is_file():
            raise ConfigError(f"{flag}{path}: no such file")
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{flag}{path}: {path.stat().st_size:,} bytes; a configuration has at most {MAX_BYTES:,}")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{flag}{path}: not UTF-8 text", hint="Save it as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{flag}{path}: {error.strerror}") from None
    if "\0" in text:
        raise ConfigError(f"{flag}{path}: not text (it holds zero bytes)", hint="Save it as UTF-8.")
    if not text.strip():
        others = f"leave out {flag.strip()}" if flag else "name another file"
        raise ConfigError(f"{flag}{path}: the file is empty", hint=f"Put keys into it, or {others}.")
    return text


def line_of(text: str, path: Sequence[str]) -> int:
    """The line (from 1) on which a key stands, or 0 where it is not found.

    A guess for error messages: neither parser keeps the lines of its keys.
    """
    table, best = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        table = header.group(1).replace('"', "") if header else table
        key = re.match(r"""[\s{,]*["']?([^"'=:]+?)["']?\s*[=:]""", line)
        if key:
            full = [p for p in (*table.split("."), *key.group(1).split(".")) if p]
            if full == list(path):
                return number
            if full[-1] == path[-1] and not best:
                best = number
    return best


def write(config: RunConfig) -> str:
    """The configuration as TOML, each value followed by its origin as a comment; reading it gives the same run."""
    tree = config.tree()
    lines = [f"recipe = {_value(tree.pop('recipe'))}"]
    for section, value in tree.items():
        entries = value if isinstance(value, list) else [value]
        for entry in entries:
            where = (section, entry["name"]) if isinstance(value, list) else (section,)
            lines += ["", f"[[{section}]]" if isinstance(value, list) else f"[{section}]"]
            lines += _lines(entry, where, config.origins)
        if value == []:  # a plain key: below a table's header it would belong to that table
            lines.insert(1, f"{section} = []")
    return "\n".join(lines) + "\n"


def origins(path: Path) -> dict[str, str]:
    """The origin of each value, by its dotted key, that `write` has left in a file; nothing where it was rewritten."""
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        document = tomlkit.parse(read_text(path))
    except (ConfigError, ParseError):
        return {}
    found: dict[str, str] = {}
    for section, value in document.items():
        for table in value if isinstance(value, list) else [value]:
            where = (section, str(table.get("name"))) if isinstance(value, list) else (section,)
            found |= _origins_in(table, where) if isinstance(table, Mapping) else {}
    return found


def _origins_in(table: Mapping[str, Any], where: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        # tomlkit gives truth values without what stands behind them, but for `item`.
        written = table.value.item(key) if isinstance(value, bool) else value  # type: ignore[attr-defined]
        if isinstance(value, Mapping) and where[0] == "train":
            found |= _origins_in(value, (*where, key))
        elif comment := getattr(getattr(written, "trivia", None), "comment", ""):
            found[".".join(where if key == "name" else (*where, key))] = comment.removeprefix("#").strip()
    return found


def _lines(table: Mapping[str, Any], where: tuple[str, ...], origins: Mapping[str, str]) -> list[str]:
    lines, inner = [], []
    for key, value in table.items():
        if isinstance(value, Mapping) and where[0] == "train":
            inner += [f"{key}.{line}" for line in _lines(value, (*where, key), origins)]
        else:
            dotted = ".".join(where if key == "name" else (*where, key))
            lines.append(f"{key} = {_value(value)}  # {origins.get(dotted, 'default')}")
    return lines + inner


def _value(value: Any) -> str:
    import tomlkit  # only a run is written: `imtrans list` does not pay for it

    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        table.update(value)
        return table.as_string()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return str(tomlkit.item(value).as_string())


def _position(error: ValueError, text: str) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f":{error.lineno}:{error.colno}"
    # Until Python 3.14 a TOMLDecodeError has its position only in its text, or "at end of document".
    match = re.search(r"at line (\d+), column (\d+)", str(error))
    return f":{match.group(1)}:{match.group(2)}" if match else f":{len(text.splitlines())}:1"


def _fault(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else re.sub(r" \(at .*\)$", "", str(error))


# Both parsers accept what is nested deeper than the functions that read the tree can follow.
def _check_depth(value: Any, path: Path, level: int = 0) -> None:
    if level > MAX_LEVELS:
        raise _too_deep(path)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        _check_depth(item, path, level + 1)


def _too_deep(path: Path) -> ConfigError:
    return ConfigError(f"{path}: nested more than {MAX_LEVELS} levels deep", hint="No key needs that many.")
