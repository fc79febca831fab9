"""How long work reports its progress."""

from collections.abc import Callable

Tick = Callable[[int, int], None]  # (done, count), both in samples
