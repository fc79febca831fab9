"""Networks made without drawing their first weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

# Some of torch's functions ask the mode themselves, and are seen by it; what they call then is not.
_DRAWS = {torch.Tensor.normal_, torch.Tensor.uniform_, nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_}


class _Undrawn(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        # Only parameters: what a network draws for itself is in no checkpoint.
        tensor = args[0] if args else (kwargs or {}).get("tensor")
        if func in _DRAWS and isinstance(tensor, nn.Parameter):
            return tensor
        return func(*args, **(kwargs or {}))


@contextmanager
def without_init() -> Iterator[None]:
    """A block in which parameters keep whatever lies in their memory, for networks whose every parameter is filled
    afterwards: to draw 57 million numbers twice takes a third of a second."""
    with _Undrawn():
        yield
