"""Some of many: the same ones each time, and for names always the same ones, whatever else there is."""

import hashlib
from collections.abc import Mapping, Sequence

HELD_OUT = 0.1  # share of the samples


def held_out(keys: Sequence[str], recorded: Mapping[str, bool]) -> list[bool]:
    """Whether each sample is held out of training: as recorded, else by its key alone, about one in ten.

    Of few samples at least one is held out, and at least one is not.
    """
    ranks = [rank(key) for key in keys]
    held = [recorded.get(key, number < HELD_OUT) for key, number in zip(keys, ranks, strict=True)]
    free = sorted((i for i, key in enumerate(keys) if key not in recorded), key=ranks.__getitem__)
    if free and len(set(held)) == 1:
        changed = free[-1] if held[0] else free[0]
        held[changed] = not held[0]
    return held


def rank(key: str) -> float:
    """A number from 0 to 1 that follows from the key alone, evenly spread."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


def spread(total: int, most: int) -> list[int]:
    """At most `most` of the indices below `total`, spread evenly from 0 on; all of them where there are no more."""
    count = min(total, most)
    return [i * total // count for i in range(count)]
