"""Parts of a step of mixed precision that are computed in full."""

import contextlib
from typing import Any

import torch


def full_precision(device: str) -> contextlib.AbstractContextManager[Any]:
    """No autocast on a type of device ("cpu", "cuda"), also where torch has none for it."""
    is_there = torch.amp.is_autocast_available(device)
    return torch.autocast(device, enabled=False) if is_there else contextlib.nullcontext()
