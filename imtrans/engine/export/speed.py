"""How long a translation of one picture takes."""

import statistics
import time
from collections.abc import Callable

SECONDS, LEAST = 2.0, 5  # of measuring, and runs in any case


def milliseconds(call: Callable[[], object]) -> float:
    """The median time of a call, after two that are not counted."""
    for _ in range(2):
        call()
    times: list[float] = []
    while len(times) < LEAST or sum(times) < SECONDS:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000
