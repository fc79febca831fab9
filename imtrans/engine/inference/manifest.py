"""The record of a translation: which pictures are done, and which failed and why."""

import json
from collections.abc import Iterable, Sequence, Set
from pathlib import Path
from typing import Any, TextIO

from imtrans import atomic_io
from imtrans.errors import ResourceError


class Manifest:
    """Lines of JSON, one for each source: `source`, `status` ("done" or "failed"), `outputs`, `error`.

    A line is appended as soon as a picture is settled; at the end there is one line for each source, in order of their
    names. With `continues` what is recorded already stays. A run that is killed leaves a last line that may be cut off.
    """

    def __init__(self, path: Path, *, continues: bool = False) -> None:
        self.path = path
        self._entries = {entry["source"]: entry for entry in _entries(path)} if continues else {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = path.open("a" if continues else "w", encoding="utf-8")
        except OSError as error:
            raise ResourceError(f"{path}: {error.strerror}", hint="Give an -o folder that can be written.") from None

    def done(self, source: str, outputs: Sequence[Path]) -> None:
        """Record a picture whose outputs are all written."""
        self._add({"source": source, "status": "done", "outputs": [str(path) for path in outputs]})

    def found(self, finished: Iterable[tuple[object, Sequence[tuple[int | None, Path]]]], unfinished: Set[str]) -> None:
        """Record pictures whose outputs are all there already; `unfinished` names those that lack some."""
        for source, targets in finished:
            if str(source) not in unfinished and self._entries.get(str(source), {}).get("status") != "done":
                self.done(str(source), [path for _, path in targets])

    def failed(self, source: str, why: str) -> None:
        """Record a picture that could not be read or written."""
        self._add({"source": source, "status": "failed", "error": why})

    def close(self) -> dict[str, int]:
        """Write the whole record, once for each source; returns how many there are of each status."""
        self._file.close()
        ordered = [self._entries[source] for source in sorted(self._entries)]
        atomic_io.replace_text(self.path, "".join(_line(entry) for entry in ordered))
        return {status: sum(e["status"] == status for e in ordered) for status in ("done", "failed")}

    def _add(self, entry: dict[str, Any]) -> None:
        self._entries[entry["source"]] = entry
        self._file.write(_line(entry))
        self._file.flush()


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _entries(path: Path) -> Iterable[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:  # a killed run leaves a line that is cut off
            continue
        if isinstance(entry, dict) and "source" in entry and "status" in entry:
            yield entry
