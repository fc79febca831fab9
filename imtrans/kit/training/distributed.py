"""What a plugin does together with the other processes that train one model."""

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
