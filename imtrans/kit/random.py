"""Random numbers that depend on (seed, epoch, index) and nothing else.

They are the same for any number of workers and ranks, and after a resume.
"""

import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor


def draw(seed: int, epoch: int, index: int) -> int:
    """The number that seeds all randomness of one sample in one epoch; in [0, 2**63)."""
    # Shifted by one bit: the numbers of a batch are collated into an int64 tensor.
    return int(np.random.SeedSequence([seed, epoch, index]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def permutation(count: int, *, seed: int, epoch: int, stream: str = "") -> "np.ndarray[Any, np.dtype[np.int64]]":
    """The order in which an epoch visits `count` samples; another use of the same epoch gives itself a `stream`."""
    key = [seed, epoch, *([zlib.crc32(stream.encode())] if stream else [])]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key))).permutation(count)


def uniform(draws: Tensor | Iterable[int], count: int, *, stream: str) -> Tensor:
    """(B, count) float64 on the CPU, uniform in [0, 1): one row for each of the (B,) draws.

    `stream` names the use: two uses of one sample's draw must not see the same numbers.
    """
    numbers = draws.tolist() if isinstance(draws, Tensor) else list(draws)
    key = zlib.crc32(stream.encode())
    rows = [np.random.Generator(np.random.Philox(key=[n, key])).random(count) for n in numbers]
    return torch.from_numpy(np.stack(rows))
