"""What a plugin does together with the other processes that train one model."""

from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor


def is_distributed() -> bool:
    """Whether several processes train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def sum_over_processes(values: Tensor) -> Tensor:
    """The sum of these values over all processes, without a gradient; every one of them must call it.

    The values as they are where there is one process.
    """
    if not is_distributed():
        return values
    total = values.detach().contiguous().clone()
    dist.all_reduce(total)
    return total


class GatheredSamples(NamedTuple):
    """The samples of all processes in the order of the step's batch, and the places of this one's among them."""

    values: Tensor
    own: Tensor


def gather_samples(values: Tensor) -> GatheredSamples:
    """What all processes have of (B, ...), without a gradient; every one of them must call it. B may differ.

    Process r of n has every n-th sample of the step's batch from r on, so that their order is that of one process with
    all of them.
    """
    if not is_distributed():
        return GatheredSamples(values.detach(), torch.arange(len(values)))
    size, rank = dist.get_world_size(), dist.get_rank()
    counts = [torch.zeros((), dtype=torch.int64, device=values.device) for _ in range(size)]
    dist.all_gather(counts, counts[0].new_tensor(len(values)))
    most = max(int(count) for count in counts)
    # The tensors of one exchange must be equally long.
    padded = torch.cat([values.detach(), values.new_zeros(most - len(values), *values.shape[1:])])
    shares = [torch.empty_like(padded) for _ in range(size)]
    dist.all_gather(shares, padded.contiguous())
    order = [(i, r) for i in range(most) for r in range(size) if i < int(counts[r])]
    own = torch.tensor([place for place, (_, r) in enumerate(order) if r == rank])
    return GatheredSamples(torch.stack([shares[r][i] for i, r in order]), own)
