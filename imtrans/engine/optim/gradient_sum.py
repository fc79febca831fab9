"""Gradients are summed over the processes bucket by bucket, while the backward pass computes those that are left.

torch's DistributedDataParallel and `replicate` do that for a module whose every forward pass is followed by one
backward pass that reaches all its parameters. An adversarial training is not so: the generator's step goes through the
discriminator without its parameters, and the discriminator is called twice before its own. These sums hang on the
parameters instead, by torch's hooks on accumulated gradients (`docs/cluster.md` has the comparison).
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from imtrans.engine.distributed import PendingReduction, ProcessGroup

# Bytes. Few and large ones cost least, and the first must be under way early: DistributedDataParallel's sizes.
FIRST, LATER = 2**20, 25 * 2**20


@dataclass
class _Bucket:
    """Some parameters of one type and device, and one flat buffer for their gradients while these are summed."""

    parameters: Sequence[nn.Parameter]
    missing: set[int] = field(default_factory=set)
    buffer: Tensor | None = None
    views: dict[int, Tensor] = field(default_factory=dict)
    pending: PendingReduction | None = None

    def open(self) -> None:
        """Room for the gradients of one backward pass; it is given back when the optimizer drops them."""
        self.missing, self.pending = {id(p) for p in self.parameters}, None
        self.buffer = self.parameters[0].new_empty(sum(p.numel() for p in self.parameters))
        parts = torch.split(self.buffer, [p.numel() for p in self.parameters])
        self.views = {id(p): _like(part, p) for p, part in zip(self.parameters, parts, strict=True)}

    def take(self, parameter: nn.Parameter) -> None:
        """Move a parameter's gradient into the buffer; one without a gradient counts as 0."""
        view = self.views[id(parameter)]
        view.zero_() if parameter.grad is None else view.copy_(parameter.grad)
        parameter.grad = view
        self.missing.discard(id(parameter))

    def close(self) -> None:
        """Wait for the sum."""
        if self.pending is not None:
            self.pending.wait()
        self.buffer, self.views, self.pending = None, {}, None


class GradientSum:
    """The gradients of some parameters become their sums over all processes, in place.

    Buckets are filled from the last parameter to the first, as a backward pass mostly reaches them, and are sent in
    that order, whichever is full first: what is added to what follows from the parameters alone, not from the time.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], world: ProcessGroup) -> None:
        self.world = world
        self.buckets = _buckets(parameters)
        self._bucket_of = {id(p): bucket for bucket in self.buckets for p in bucket.parameters}
        self._sent = 0

    @contextlib.contextmanager
    def during_backward(self) -> Iterator[None]:
        """The backward pass within is the last before `finish`: sums begin as soon as gradients are there."""
        self._open()
        hooks = [_call_after(p, self._take) for bucket in self.buckets for p in bucket.parameters]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def finish(self) -> None:
        """Send what is left and wait for all. A parameter that has no gradient here may have one in another process."""
        if any(bucket.buffer is None for bucket in self.buckets):
            self._open()
        for bucket in self.buckets:
            for parameter in [p for p in bucket.parameters if id(p) in bucket.missing]:
                self._take(parameter)
        for bucket in self.buckets:
            bucket.close()

    def _open(self) -> None:
        self._sent = 0
        for bucket in self.buckets:
            bucket.open()

    def _take(self, parameter: Tensor) -> None:
        assert isinstance(parameter, nn.Parameter)
        self._bucket_of[id(parameter)].take(parameter)
        while self._sent < len(self.buckets) and not self.buckets[self._sent].missing:
            bucket = self.buckets[self._sent]
            assert bucket.buffer is not None
            bucket.pending = self.world.begin_sum(bucket.buffer)
            self._sent += 1


def _buckets(parameters: Sequence[nn.Parameter]) -> list[_Bucket]:
    """The parameters from the last to the first, in buckets of one type and device."""
    buckets: list[list[nn.Parameter]] = []
    size = 0
    for parameter in reversed(parameters):
        most = FIRST if len(buckets) == 1 else LATER
        bytes_of = parameter.numel() * parameter.element_size()
        last = buckets[-1][-1] if buckets else None
        is_other = last is None or (last.dtype, last.device) != (parameter.dtype, parameter.device)
        if is_other or size + bytes_of > most:
            buckets.append([])
            size = 0
        buckets[-1].append(parameter)
        size += bytes_of
    return [_Bucket(b) for b in buckets]


def _call_after(parameter: nn.Parameter, function: Callable[[Tensor], None]) -> RemovableHandle:
    return parameter.register_post_accumulate_grad_hook(function)  # type: ignore[no-any-return, no-untyped-call]


def _like(flat: Tensor, parameter: nn.Parameter) -> Tensor:
    """A view with the strides of the parameter, as fused optimizers want them, where these are without gaps."""
    is_dense = sum((n - 1) * s for n, s in zip(parameter.shape, parameter.stride(), strict=True)) + 1 == flat.numel()
    return flat.as_strided(parameter.shape, parameter.stride()) if is_dense else flat.view(parameter.shape)
