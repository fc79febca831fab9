"""How often a download is tried again, and after how long."""

import email.utils
import time
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often to try, and how long to wait, in seconds.

    `connect` and `stall` limit a connection and a silence; `pause` is the wait after the first failure, doubled after
    each further one; a server that asks for more than `longest_pause` ends the download.
    """

    tries: int = 5
    connect: float = 8.0
    stall: float = 60.0
    pause: float = 1.0
    longest_pause: float = 600.0


DEFAULT_RETRIES = RetryPolicy()


class RetryableError(Exception):
    """A try failed in a way that may pass; `wait` in seconds as the server asks, `tries` where fewer are enough."""

    def __init__(self, reason: str, *, wait: float | None = None, tries: int | None = None) -> None:
        super().__init__(reason)
        self.wait, self.tries = wait, tries


def retry_after(text: str) -> float | None:
    """The seconds of a Retry-After header, which holds a number or a date; None for anything else."""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
