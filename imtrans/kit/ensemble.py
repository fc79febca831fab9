"""Several networks of one kind as one: their mean, or one of them alone."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """Gives the mean of what its members give: (B, C, *spatial) in and out, as they take it.

    Within `one_member` it gives what one of them gives, so that their spread can be seen.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.stride: int | tuple[int, ...] = getattr(members[0], "stride", 1)
        self.alone: int | None = None
        # What a method asks of a generator when it is built; an ensemble is not trained, so one member's are enough.
        if callable(features := getattr(members[0], "features", None)):
            self.features = features

    def forward(self, x: Tensor, *args: Tensor) -> Tensor:
        """The mean over the members, in their order."""
        if self.alone is not None:
            return self.members[self.alone](x, *args)  # type: ignore[no-any-return]
        return torch.stack([member(x, *args) for member in self.members]).mean(0)


def member_count(networks: Iterable[nn.Module]) -> int:
    """How many members the ensembles among these networks have; 0 where there is none."""
    return max((len(each.members) for each in _ensembles(networks)), default=0)


@contextlib.contextmanager
def one_member(networks: Iterable[nn.Module], number: int) -> Iterator[None]:
    """A block in which every ensemble gives what its member of this number (from 0) gives."""
    ensembles = _ensembles(networks)
    try:
        for each in ensembles:
            each.alone = number % len(each.members)
        yield
    finally:
        for each in ensembles:
            each.alone = None


def _ensembles(networks: Iterable[nn.Module]) -> list[Ensemble]:
    return [module for network in networks for module in network.modules() if isinstance(module, Ensemble)]
