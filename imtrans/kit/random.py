"""Random numbers that depend on (seed, epoch, index) and nothing else.

They are the same for any number of workers and ranks, and after a resume.
"""

import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

BLOCK, WORD = 4, 2**64 - 1  # numbers of a block of Philox, and the largest of one


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
    if count <= BLOCK and numbers and min(numbers) >= 0:
        return torch.tensor([_first_block(n, key)[:count] for n in numbers], dtype=torch.float64)
    rows = [np.random.Generator(np.random.Philox(key=[n, key])).random(count) for n in numbers]
    return torch.from_numpy(np.stack(rows))


def _first_block(one: int, two: int) -> list[float]:
    """The first numbers of numpy's Philox of this key, in half of the time that making a generator takes.

    Philox 4 x 64 of ten rounds (Salmon et al. 2011), its counter at 1, where numpy begins.
    """
    a, b, c, d = 1, 0, 0, 0
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * a, 0xCA5A826395121157 * c
        a, b, c, d = (second >> 64) ^ b ^ one, second & WORD, (first >> 64) ^ d ^ two, first & WORD
        one, two = (one + 0x9E3779B97F4A7C15) & WORD, (two + 0xBB67AE8584CAA73B) & WORD
    return [(word >> 11) * 2.0**-53 for word in (a, b, c, d)]
