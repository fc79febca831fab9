"""What the server counts, in the text format of Prometheus."""

import os
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path


class Statistics:
    """Counts of answers by status and the time that translating took; threads may share one."""

    def __init__(self) -> None:
        self._answers: Counter[int] = Counter()
        self._translations, self._seconds = 0, 0.0
        self._lock = threading.Lock()

    def count_answer(self, status: int) -> None:
        """Count an answer of `POST /translate`."""
        with self._lock:
            self._answers[status] += 1

    def count_translation(self, seconds: float) -> None:
        """Count a picture that was translated."""
        with self._lock:
            self._translations += 1
            self._seconds += seconds

    def text(self, *, waiting: int) -> str:
        """All numbers, one a line, each kind with its type and meaning."""
        with self._lock:
            answers = {f'{{status="{status}"}}': count for status, count in sorted(self._answers.items())}
            rows: list[tuple[str, str, str, Mapping[str, float]]] = [
                ("imtrans_requests_total", "counter", "answers of /translate by status", answers),
                ("imtrans_translations_total", "counter", "pictures translated", {"": self._translations}),
                ("imtrans_translation_seconds_total", "counter", "time of translating", {"": round(self._seconds, 6)}),
                ("imtrans_queue_length", "gauge", "requests received, waiting or translated", {"": waiting}),
                ("process_resident_memory_bytes", "gauge", "memory of the process", {"": resident_bytes()}),
            ]
        lines: list[str] = []
        for name, kind, meaning, values in rows:
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
            lines += [f"{name}{label} {value}" for label, value in values.items()]
        return "\n".join(lines) + "\n"


def resident_bytes() -> int:
    """Memory of this process that is in RAM; 0 where the system does not say."""
    if not sys.platform.startswith("linux"):
        return 0
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
