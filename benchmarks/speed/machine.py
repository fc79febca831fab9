"""What the machine can do at most, and what stands on it."""

import platform
import statistics
import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn
from torch.nn.functional import conv2d
from torch.utils.flop_counter import FlopCounterMode

from imtrans.engine.speedups import has_bf16

ADAM_BYTES = 28  # a parameter: weight, gradient and two moments are read, all but the gradient written


def described() -> str:
    """Processor, cores, versions."""
    cpu = torch.backends.cpu.get_cpu_capability()
    half = "with" if has_bf16(torch.device("cpu")) else "without"
    hardware = f"{platform.machine()}, {cpu} {half} bfloat16, {torch.get_num_threads()} threads"
    return f"{hardware}; torch {torch.__version__}, Python {platform.python_version()}"


def best_seconds(call: Callable[[], object], times: int = 7) -> float:
    """The median time of a call, after two to warm up."""
    taken = []
    for _ in range(times + 2):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[2:])


@cache
def convolutions_a_second(dtype: torch.dtype) -> float:
    """FLOPs a second of the convolution that runs best here."""
    x, weight = torch.randn(1, 256, 64, 64, dtype=dtype), torch.randn(256, 256, 3, 3, dtype=dtype)
    return 2 * 9 * 256 * 256 * 64 * 64 / best_seconds(lambda: conv2d(x, weight, padding=1))


@cache
def bytes_a_second() -> float:
    """Bytes read and written a second, over arrays that no cache holds."""
    a, b = torch.zeros(2, 32 << 20)
    return 3 * a.nbytes / best_seconds(lambda: a.add_(b))


def flops_of(step: Callable[[], object]) -> int:
    """The FLOPs of a call, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def floor_of_step(flops: int, networks: list[nn.Module], dtype: torch.dtype) -> float:
    """The least seconds of a step: its convolutions at the best rate, and Adam at that of memory."""
    parameters = sum(p.numel() for network in networks for p in network.parameters())
    return flops / convolutions_a_second(dtype) + ADAM_BYTES * parameters / bytes_a_second()
