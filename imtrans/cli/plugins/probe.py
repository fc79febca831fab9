"""A plugin checked in a process of its own, which may crash, hang or leave without harm to this one."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from imtrans.plugins.discovery import PluginRecord

MARK = "##"  # begins each line of the process that is one of the steps, and not what a plugin's libraries print
IMPORT, PREPARE, CHECK_SECONDS = "import", "prepare", 120.0
LIMITS = {IMPORT: 20.0, PREPARE: CHECK_SECONDS}  # torch may take half a minute where much else is going on


@dataclass(frozen=True)
class Step:
    """One thing that was checked: "import", or kind and name of what the plugin provides. `note`: why it was not."""

    name: str
    error: str = ""
    note: str = ""
    trace: str = ""
    seconds: float = 0.0


def probed(record: PluginRecord, *, limit: float = CHECK_SECONDS, is_debugging: bool = False) -> Iterator[Step]:
    """The steps of the check of one plugin, as they are done; after a crash or a hang another process does the rest."""
    done: list[str] = []
    while True:
        going = IMPORT
        with _Child(record, done, is_debugging=is_debugging) as child:
            while told := child.told(LIMITS.get(going, limit)):
                going = told.get("begin", "")
                if not going and told["end"] not in (*done, PREPARE):
                    yield _step(told)
                    done.append(told["end"])
        if not going:
            return
        yield Step(going, error=child.fault)
        done.append(going)
        if going == IMPORT:
            return


def _step(told: dict[str, Any]) -> Step:
    changed = f"changed {', '.join(told['changed'])}; it was set back" if told.get("changed") else ""
    trace, seconds = told.get("trace", ""), told.get("seconds", 0.0)
    return Step(told["end"], told["error"] or changed, told.get("note", ""), trace, seconds)


class _Child:
    """The process that checks; `fault` says how it ended, if not as it should."""

    def __init__(self, record: PluginRecord, done: Sequence[str], *, is_debugging: bool) -> None:
        self.fault, self._told = "", queue.Queue[dict[str, Any] | None]()
        file = str(Path(record.target).absolute()) if record.target.endswith(".py") else ""
        self._task = {"name": record.name, "distribution": record.distribution, "file": file, "skip": [*done]}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "imtrans.cli.plugins.probe_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if is_debugging else subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> "_Child":
        assert self._process.stdin
        with self._process.stdin as task:
            json.dump(self._task, task)
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def told(self, limit: float) -> dict[str, Any] | None:
        """What the process says next; None where it has ended, or said nothing for so many seconds."""
        try:
            told = self._told.get(timeout=limit)
        except queue.Empty:
            self.fault = f"it hangs: nothing for {limit:g} seconds"
            return None
        if told is None:
            code = self._process.wait()
            self.fault = f"the process was ended by signal {-code}" if code < 0 else f"the process ended with {code}"
        return told

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as lines:  # closed by its reader: nobody else knows when it is done
            for line in lines:
                if line.startswith(MARK):
                    self._told.put(json.loads(line.removeprefix(MARK)))
        self._told.put(None)
