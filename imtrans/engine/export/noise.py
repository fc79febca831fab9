"""Dropout as explicit noise: what is dropped follows from a seed by whole numbers alone, the same in every runtime."""

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from imtrans.errors import ConfigError

# Products of two numbers below this prime fit int64, whose Mul, Add and Mod every runtime has; x to the fifth is then a
# permutation of them (5 does not divide PRIME - 1), and looks random.
PRIME = 2**31 - 1
_SEED, _LAYER = 1_013_904_223, 1_664_525_001
_STEPS = (1_540_483_477, 668_265_263, 374_761_393, 1_103_515_245)  # from one place to the next, of each axis
CHANNELWISE = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def mix(x: Tensor) -> Tensor:
    """int64 of any shape, at least 0, to numbers below PRIME: the fifth power modulo PRIME."""
    x = torch.remainder(x, PRIME)
    fourth = torch.remainder(x * x, PRIME)
    fourth = torch.remainder(fourth * fourth, PRIME)
    return torch.remainder(fourth * x, PRIME)


def noise(seed: Tensor, layer: int, shape: tuple[int, ...]) -> Tensor:
    """Numbers below PRIME, int64 (B, *shape), of seeds (B,) and the number of the layer.

    One depends on seed, layer and its own place, not on the shape: a larger picture has the same noise and more.
    """
    x = mix(mix(seed.to(torch.int64) + _SEED) + layer * _LAYER).reshape(-1, *[1] * len(shape))
    for axis, (size, step) in enumerate(zip(shape, _STEPS, strict=False)):
        place = torch.arange(size, device=seed.device) * step
        x = x + place.reshape([-1, *[1] * (len(shape) - 1 - axis)])
    return mix(x)


class Seeds:
    """The seeds (B,) of the pictures that are being translated, for all dropout layers of a model."""

    def __init__(self) -> None:
        self.now: Tensor | None = None


class SeededDropout(nn.Module):
    """A dropout layer whose noise follows from the seeds of the batch; a negative seed drops nothing."""

    def __init__(self, rate: float, *, layer: int, is_channelwise: bool, seeds: Seeds) -> None:
        super().__init__()
        self.rate, self.layer, self.is_channelwise, self.seeds = rate, layer, is_channelwise, seeds

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *spatial) in and out."""
        seeds = self.seeds.now
        assert seeds is not None
        shape = x.shape[1:2] if self.is_channelwise else x.shape[1:]
        flat = [-1, *[1] * len(shape)]
        is_kept = noise(seeds.clamp(min=0), self.layer, tuple(shape)) >= round(self.rate * PRIME)
        scale = is_kept.to(x.dtype) / (1 - self.rate)
        scale = torch.where((seeds < 0).reshape(flat), torch.ones((), dtype=x.dtype, device=x.device), scale)
        return x * scale.reshape([*scale.shape, *[1] * (x.dim() - scale.dim())])


def seeded(dropout: _DropoutNd, *, layer: int, seeds: Seeds) -> nn.Module:
    """The same dropout with explicit noise. ConfigError for one that does not drop to 0."""
    if type(dropout) not in (nn.Dropout, *CHANNELWISE):
        raise ConfigError(
            f"{type(dropout).__name__}: no exported file can have this kind of dropout as noise with a seed",
            hint="Export without dropout: --set inference.dropout=false",
        )
    return SeededDropout(dropout.p, layer=layer, is_channelwise=isinstance(dropout, CHANNELWISE), seeds=seeds)
