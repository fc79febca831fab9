"""Layers, initialisation and inference mode of translation networks, where torch has none that fit."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.dropout import _DropoutNd

from imtrans.kit.random import uniform
from imtrans.kit.spectral_norm import update_spectral_norms
from imtrans.kit.training.distributed import gather_samples, is_distributed, sum_over_processes

InitType = Literal["normal", "xavier"]
NormName = Literal["batch", "instance", "plain-instance", "none"]


class BatchNorm(nn.SyncBatchNorm):
    """Batch norm of any number of spatial dimensions that also accepts a single value per channel.

    Input and output (N, C, *spatial). torch refuses N = 1 at 1x1 in training; there the variance is 0 and the output
    is the bias, which is also what the TensorFlow originals give at the bottleneck of a U-Net with batch 1.

    In distributed training the statistics are those of all processes: a batch gives the same output for any number of
    processes. On a GPU that is torch's SyncBatchNorm, which refuses CPU tensors; there the sums are ours.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *spatial), normalised."""
        if self.training and self.track_running_stats and is_distributed():
            return super().forward(x) if x.is_cuda else self._forward_distributed(x)
        is_single = x.numel() == x.shape[1]
        return _constant(self, x) if self.training and is_single else _BatchNorm.forward(self, x)

    def _forward_distributed(self, x: Tensor) -> Tensor:
        # The mean first and then the variance around it, in two reductions: sums of values and of squares in a single
        # one would lose the variance to cancellation where the mean is large.
        values, shape = x.float(), (1, -1, *[1] * (x.dim() - 2))
        dims = [0, *range(2, x.dim())]
        count = _all_reduce(values.new_tensor([values.numel() / x.shape[1]]))
        mean = _all_reduce(values.sum(dims)) / count
        centred = values - mean.view(shape)
        variance = _all_reduce(centred.square().sum(dims)) / count
        self._track(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        scaled = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            scaled = scaled * self.weight.view(shape) + self.bias.view(shape)
        return scaled.to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)

    def _check_input_dim(self, x: Tensor) -> None:
        """Accept any number of dimensions."""


class InstanceNorm(nn.Module):
    """Instance norm of any number of spatial dimensions that also accepts a single pixel.

    With weight and bias, or, without `affine`, plain, as in CycleGAN.
    """

    def __init__(self, channels: int, *, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *spatial) in and out."""
        if x[0, 0].numel() == 1:
            return _constant(self, x)
        return nn.functional.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)


def norm(name: NormName, channels: int, *, eps: float = 1e-5, momentum: float = 0.1) -> nn.Module:
    """The norm layer of this name for (N, channels, *spatial).

    `momentum` is the share of the newest batch in the running statistics of batch norm, as in torch.
    """
    if name == "batch":
        return BatchNorm(channels, eps=eps, momentum=momentum)
    return nn.Identity() if name == "none" else InstanceNorm(channels, eps=eps, affine=name == "instance")


def initialise(
    module: nn.Module, *, std: float = 0.02, norm_std: float | None = None, init_type: InitType = "normal"
) -> None:
    """Draw convolution weights from N(0, std) and norm weights from N(1, norm_std), and zero the biases (paper, 3.3).

    `init_type` "xavier": convolution weights from N(0, std * sqrt(2 / (fan in + fan out))), with `std` as the gain
    (Glorot and Bengio 2010), which is much narrower: 0.0004 for a 3x3 convolution of 256 channels and a gain of 0.02.
    `norm_std` defaults to `std`; with 0 all norm weights are 1. A `std` of 0 leaves torch's own initialisation. Uses
    torch's global generator. The original weights under a parametrisation (spectral norm) are drawn as well, and their
    largest singular values estimated again.
    """
    for layer in module.modules() if std else ():
        if isinstance(layer, nn.modules.conv._ConvNd):
            parametrised = getattr(layer, "parametrizations", None)
            weight = parametrised.weight.original if parametrised else layer.weight
            nn.init.xavier_normal_(weight, std) if init_type == "xavier" else nn.init.normal_(weight, 0.0, std)
        elif isinstance(layer, _NormBase | InstanceNorm) and layer.weight is not None:
            nn.init.normal_(layer.weight, 1.0, std if norm_std is None else norm_std)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    update_spectral_norms(module)


@contextlib.contextmanager
def inference(modules: Iterable[nn.Module], *, norm: str = "batch", dropout: bool = True) -> Iterator[None]:
    """A block in which modules are in the mode of an inference policy: no gradients, no buffer changes.

    `norm` "batch" normalises by the statistics of the input batch, "running" by those of training; for all torch norms.
    """
    layers = [layer for module in modules for layer in module.modules()]
    before = [(layer, layer.training, getattr(layer, "track_running_stats", None)) for layer in layers]
    try:
        for layer in layers:
            layer.training = dropout if isinstance(layer, _DropoutNd) else False
            if isinstance(layer, _NormBase) and norm == "batch":
                # Training mode without tracking: the statistics of the batch, and the buffers stay as they are.
                layer.training, layer.track_running_stats = True, False
        with torch.no_grad():
            yield
    finally:
        for layer, was_training, tracked in before:
            layer.training = was_training
            if tracked is not None:
                layer.track_running_stats = tracked


def outputs_of(blocks: Iterable[nn.Module], x: Tensor) -> list[Tensor]:
    """What each of some blocks gives, each called with what the one before it gave."""
    outputs = []
    for block in blocks:
        x = block(x)
        outputs.append(x)
    return outputs


class BlurDown(nn.Module):
    """Half the size, by a blur of [1, 2, 1] over mirrored borders (Zhang 2019): what a stride alone would alias."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, ceil(H / 2), ceil(W / 2))."""
        # Sums of strided views: a convolution of each channel by itself takes several times as long on a CPU.
        for axis in (2, 3):
            size, border = x.shape[axis], (1, 1, 0, 0) if axis == 3 else (0, 0, 1, 1)
            padded = nn.functional.pad(x, border, mode="reflect")
            first, middle, last = (padded.narrow(axis, k, size) for k in range(3))
            every_second = (slice(None),) * axis + (slice(None, None, 2),)
            x = (first[every_second] + 2 * middle[every_second] + last[every_second]) / 4
        return x


class ImagePool:
    """A history of generated images for the discriminator (Shrivastava et al. 2017).

    Until it holds `size` images, each is stored and returned; then each is swapped for a stored one with probability
    1/2. The random numbers follow from the `draws` of the batch; two pools of one method need a `stream` each. A pool
    of size 0 gives each image as it is. Several processes have one pool, each a copy of it: what is shown is what one
    process with all of the batch would show.
    """

    def __init__(self, size: int = 50, *, stream: str = "image-pool") -> None:
        self.size, self.stream = size, stream
        self.images: list[Tensor] = []

    def __call__(self, images: Tensor, draws: Tensor) -> Tensor:
        """(B, C, *spatial) in and out, detached; `draws` (B,) as in a Batch."""
        if not self.size:
            return images.detach()
        gathered, own = gather_samples(images)
        numbers = uniform(gather_samples(draws.to(images.device)).values.cpu(), 2, stream=self.stream)
        shown = [self._swap(i, u) for i, u in zip(gathered, numbers, strict=True)]
        return torch.stack([shown[i] for i in own])

    def _swap(self, image: Tensor, numbers: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image)
            return image
        if numbers[0] < 0.5:
            return image
        index = int(numbers[1] * self.size)
        stored, self.images[index] = self.images[index], image
        return stored

    def state_dict(self, prefix: str) -> dict[str, Any]:
        """The images of the pool, by names that begin with `prefix`."""
        return {f"{prefix}.{i:04}": image for i, image in enumerate(self.images)}

    def load_state_dict(self, state: Mapping[str, Any], prefix: str) -> None:
        """Take what `state_dict` gave."""
        self.images = [state[key] for key in sorted(state) if key.startswith(f"{prefix}.")]


class _Sum(torch.autograd.Function):
    """The sum over all processes. So is its gradient: each process's values are in the losses of all."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004 - what torch calls
        return sum_over_processes(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004 - what torch calls
        return _Sum.apply(gradient)  # type: ignore[no-any-return, no-untyped-call]


def _all_reduce(values: Tensor) -> Tensor:
    return _Sum.apply(values)  # type: ignore[no-any-return, no-untyped-call]


def _constant(layer: Any, x: Tensor) -> Tensor:
    """The output of a norm over one value: the bias."""
    # x - x: the input stays in the graph, with a gradient of zero.
    if layer.weight is None:
        return x - x
    shape = (1, -1, *[1] * (x.dim() - 2))
    constant: Tensor = (x - x) * layer.weight.view(shape) + layer.bias.view(shape)
    return constant
