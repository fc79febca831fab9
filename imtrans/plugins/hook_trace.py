"""Every call of a hook, on stderr, for authors: IMTRANS_TRACE_HOOKS=1."""

import os
import reprlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pluggy

VARIABLE = "IMTRANS_TRACE_HOOKS"
_REPR = reprlib.Repr()
_REPR.maxother = _REPR.maxstring = 60  # a hook is handed whole batches of pictures
_REPR.maxlevel = 2


def trace_if_asked(manager: pluggy.PluginManager) -> None:
    """Show each hook that is called, with whose code, its arguments, its result or error, and its time."""
    if os.environ.get(VARIABLE, "0") in ("", "0"):
        return
    began: list[float] = []

    def before(_name: str, _calls: Sequence[pluggy.HookImpl], _values: Mapping[str, Any]) -> None:
        began.append(time.perf_counter())

    def after(outcome: Any, name: str, calls: Sequence[pluggy.HookImpl], values: Mapping[str, Any]) -> None:
        seconds = time.perf_counter() - began.pop()
        if calls:  # a hook that this plugin does not have
            print(_line(outcome, name, calls, values, seconds), file=sys.stderr, flush=True)  # noqa: T201

    manager.add_hookcall_monitoring(before, after)


def _line(outcome: Any, name: str, calls: Sequence[pluggy.HookImpl], values: Mapping[str, Any], seconds: float) -> str:
    given = ", ".join(f"{key}={_REPR.repr(value)}" for key, value in values.items())
    error = outcome.exception
    gave = f"raised {type(error).__name__}: {error}" if error else f"-> {_REPR.repr(outcome.get_result())}"
    return f"hook {name}({given}) of {', '.join(call.plugin_name for call in calls)} {gave} [{seconds:.3f} s]"
