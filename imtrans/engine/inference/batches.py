"""Several pictures of one size in one pass through a network, each with the result that it has alone."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from imtrans.interfaces import Geometry
from imtrans.kit.images import Array

PIXELS = 4 * 256 * 256  # of all pictures of a batch
MOST = 64
# Of the output's scale: what rounding can do to a picture in a batch, in float32 and in bfloat16.
SAME, SAME_HALF = 1e-3, 5e-2

Forward = Callable[[Tensor], Tensor]


def batch_size(shape: Sequence[int], geometry: Geometry) -> int:
    """How many pictures (*spatial, C) go into one pass of a network of these strides; volumes go alone."""
    if len(shape) != 3:
        return 1
    height, width = (-(-n // stride) * stride for n, stride in zip(shape[:2], geometry.strides(2), strict=True))
    return min(max(PIXELS // (height * width), 1), MOST)


def in_batches(pictures: Sequence[Array], geometry: Geometry) -> Iterator[Sequence[Array]]:
    """Pictures (*spatial, C) in their order, those of one shape that follow each other together."""
    for shape, group in itertools.groupby(pictures, lambda picture: picture.shape):
        equal, count = list(group), batch_size(shape, geometry)
        yield from (equal[i : i + count] for i in range(0, len(equal), count))


@contextmanager
def sample_by_sample(modules: Iterable[nn.Module]) -> Iterator[None]:
    """A block in which each picture of a batch has statistics of its own, and the noise that it would have alone."""
    own = {layer: form for module in modules for layer in module.modules() if (form := _own_form(layer))}
    before = {layer: vars(layer).get("forward") for layer in own}
    for layer, form in own.items():
        layer.forward = partial(form, layer.forward)
    try:
        yield
    finally:
        for layer, forward in before.items():
            del layer.forward  # the method of its class is seen again
            if forward:
                layer.forward = forward


def is_same_alone(forward: Forward, batch: Tensor, given: Tensor, *, tolerance: float = SAME) -> bool:
    """Whether the last picture of (B, C, *spatial) gets alone what a pass over all gave: not where a layer of unknown
    kind mixes pictures, or a method draws noise for a whole batch."""
    alone = forward(batch[-1:])
    return bool((alone - given[-1:]).abs().max() <= tolerance * alone.abs().max().clamp(min=1))


def _own_form(layer: nn.Module) -> "Callable[[Forward, Tensor], Tensor] | None":
    if isinstance(layer, _BatchNorm) and (layer.training or not layer.track_running_stats):
        return _each_alone
    return _same_mask if isinstance(layer, _DropoutNd) and layer.training else None


def _each_alone(forward: Forward, x: Tensor) -> Tensor:
    return torch.cat([forward(sample) for sample in x.chunk(len(x))])


def _same_mask(forward: Forward, x: Tensor) -> Tensor:
    return x * forward(torch.ones_like(x[:1]))
