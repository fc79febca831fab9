"""Patches of feature maps, and how they are compared (Park et al. 2020, section 3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from imtrans.kit.random import permutation

FAR = -10.0  # in the place of a patch's likeness to itself among the others


class PatchMLP(nn.Module):
    """Two linear layers for each of several feature maps: (B, P, C) to (B, P, width) of length 1.

    `build` makes them when the channels of the maps are known, before anything is trained or loaded.
    """

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.width, self.layers = width, nn.ModuleList()

    def build(self, channels: Sequence[int]) -> None:
        """Layers for maps of so many channels."""
        for count in channels:
            first, second = nn.Linear(count, self.width), nn.Linear(self.width, self.width)
            for linear in (first, second):
                nn.init.xavier_normal_(linear.weight, 0.02)
                nn.init.zeros_(linear.bias)
            self.layers.append(nn.Sequential(first, nn.ReLU(), second))

    def forward(self, patches: Sequence[Tensor]) -> list[Tensor]:
        """Unit vectors for each of the maps' patches."""
        described = [layer(each) for layer, each in zip(self.layers, patches, strict=True)]
        return [each / (each.norm(dim=-1, keepdim=True) + 1e-7) for each in described]


def places(draws: Tensor, size: int, count: int, *, layer: int) -> Tensor:
    """At most `count` different places among `size` for each sample, (B, P), which follow from its draw alone.

    The authors' code takes the same for all samples of a batch; each for itself makes two processes equal to one.
    """
    chosen = [permutation(size, seed=int(draw), epoch=layer, stream="patch-nce")[:count] for draw in draws.tolist()]
    return torch.stack([torch.from_numpy(each) for each in chosen])


def taken(features: Tensor, at: Tensor) -> Tensor:
    """The patches of (B, C, H, W) at these places, (B, P, C)."""
    flat = features.flatten(2).transpose(1, 2)
    return flat.gather(1, at.to(flat.device)[..., None].expand(-1, -1, flat.shape[2]))


def patch_nce(queries: Tensor, keys: Tensor, *, temperature: float) -> Tensor:
    """The mean cross entropy of finding each query's own patch among all keys of its picture: (B, P, C) each, a scalar.

    The keys get no gradient. For equal vectors of length 1 it is ln(P + exp(-11 / temperature)).
    """
    keys = keys.detach()
    own = (queries * keys).sum(2, keepdim=True)
    likeness = queries @ keys.transpose(1, 2)
    diagonal = torch.eye(likeness.shape[1], dtype=torch.bool, device=likeness.device)
    logits = torch.cat([own, likeness.masked_fill(diagonal, FAR)], 2).flatten(0, 1) / temperature
    return cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))
