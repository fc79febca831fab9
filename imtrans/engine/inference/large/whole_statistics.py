"""Norms that use a picture's own statistics, given those of the whole picture while it is translated in tiles."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from imtrans.errors import ConfigError
from imtrans.kit.nn import InstanceNorm


class Core(NamedTuple):
    """The part of a tile (B, C, *spatial) that no other tile has: its ends along each axis, and the tile's size."""

    spans: tuple[tuple[int, int], ...]
    size: tuple[int, ...]

    def of(self, features: Tensor) -> Tensor:
        """The part of a layer's (B, C, *smaller) that belongs to the core. ConfigError unless it lies on whole
        cells."""
        for axis, (span, size) in enumerate(zip(self.spans, self.size, strict=True), 2):
            first, last = (Fraction(end * features.shape[axis], size) for end in span)
            if first.denominator != 1 or last.denominator != 1:
                raise ConfigError("this network cannot be tiled: its layers do not divide a picture evenly")
            features = features.narrow(axis, int(first), int(last - first))
        return features


@dataclass
class Moments:
    """Mean and mean square deviation of groups of values, (G,), in float64, from `count` values each."""

    count: int
    mean: Tensor
    deviation: Tensor  # the sum of squared differences from the mean

    @classmethod
    def of(cls, values: Tensor) -> "Moments":
        """Those of (G, N)."""
        mean = values.mean(1, dtype=torch.float64)
        # The deviation around the tile's own mean: sums of squares would lose it where the mean is large.
        deviation = (values - mean[:, None].to(values.dtype)).square_().sum(1, dtype=torch.float64)
        return cls(values.shape[1], mean, deviation)

    def with_more(self, other: "Moments") -> "Moments":
        """Those of both (Chan et al. 1979)."""
        count = self.count + other.count
        step = other.mean - self.mean
        deviation = self.deviation + other.deviation + step.square() * (self.count * other.count / count)
        return Moments(count, self.mean + step * (other.count / count), deviation)

    @property
    def variance(self) -> Tensor:
        """The biased variance, as norms use it."""
        return self.deviation / self.count

    def change_from(self, other: "Moments") -> float:
        """The greatest change of a mean or a standard deviation, in standard deviations."""
        std = self.variance.sqrt().clamp(min=1e-6)
        changes = ((self.mean - other.mean).abs() / std, (std - other.variance.sqrt()).abs() / std)
        return max(float(change.max()) for change in changes)


class WholeStatistics:
    """The statistics of a whole picture, gathered tile by tile, for each norm layer that normalises by its own input.

    What a layer sees depends on the statistics of those before it, so after one pass over the picture those of the
    first layer are right, after two those of the second, and so on; the errors of the rest shrink with each pass.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self.layers = [layer for module in modules for layer in module.modules() if _is_own(layer)]
        self._known: dict[nn.Module, Moments] = {}
        self._now: dict[nn.Module, Moments] = {}
        self.core: Core | None = None

    @contextmanager
    def used(self, *, fixed: bool = False) -> Iterator[None]:
        """A block in which the layers use what is known, and gather of each tile what its `core` holds.

        `fixed`: they use a mean of 0 and a variance of 1 instead, so that no pixel depends on all others.
        """
        for layer in self.layers:
            layer.forward = _unchanged if fixed else partial(self._normalised, layer)
        try:
            yield
        finally:
            for layer in self.layers:
                del layer.forward  # the method of its class is seen again

    def next_pass(self) -> float:
        """Take over what was gathered in a pass over the picture; the greatest change, infinite after the first."""
        change = max((self._now[x].change_from(self._known[x]) for x in self._now if x in self._known), default=0.0)
        is_first = not self._known and bool(self._now)
        self._known, self._now = self._now, {}
        return float("inf") if is_first else change

    def _normalised(self, layer: nn.Module, x: Tensor) -> Tensor:
        groups = _groups(layer, x.shape[1])
        if self.core:
            core = self.core.of(x).transpose(0, 1).float()
            gathered = Moments.of(core.reshape(groups, -1))
            self._now[layer] = self._now[layer].with_more(gathered) if layer in self._now else gathered
        moments = self._known.get(layer) or Moments.of(x.transpose(0, 1).float().reshape(groups, -1))
        each = x.shape[1] // groups
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        scale = (moments.variance + float(layer.eps)).rsqrt().repeat_interleave(each)  # type: ignore[arg-type]
        scale = scale if weight is None else scale * weight.double()
        shift = -moments.mean.repeat_interleave(each) * scale
        shift = shift if bias is None else shift + bias.double()
        shape = (1, -1, *[1] * (x.dim() - 2))
        normalised: Tensor = x * scale.view(shape).to(x.dtype)
        return normalised.add_(shift.view(shape).to(x.dtype))  # in place: tiles are as large as the memory allows


def _unchanged(x: Tensor) -> Tensor:
    return x


def _is_own(layer: nn.Module) -> bool:
    """Whether a layer normalises by statistics of its input over the picture."""
    if isinstance(layer, _BatchNorm | _InstanceNorm):
        return layer.training or not layer.track_running_stats
    return isinstance(layer, InstanceNorm | nn.GroupNorm)


def _groups(layer: nn.Module, channels: int) -> int:
    return layer.num_groups if isinstance(layer, nn.GroupNorm) else channels
