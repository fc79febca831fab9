"""Base classes for plugin authors: what most components of a kind leave as it is. Deriving from them is optional."""

import math
from collections.abc import Mapping
from typing import Any

from torch import nn

from imtrans.interfaces import Geometry


class BaseMethod:
    """A method whose only state is in its networks. A subclass adds `train_step` and `translate`."""

    networks: Mapping[str, nn.Module]

    @property
    def geometry(self) -> Geometry:
        """Multiples of every `stride` that a network declares."""
        return Geometry(stride=math.lcm(*(int(getattr(n, "stride", 1)) for n in self.networks.values())))

    def state_dict(self) -> dict[str, Any]:
        """Nothing beside the networks."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to take."""


class BaseAugmentation:
    """An augmentation that keeps the size. A subclass adds `__call__`."""

    def input_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The size that the loader must deliver: the same."""
        return size
