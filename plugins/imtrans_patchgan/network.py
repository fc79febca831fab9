"""The PatchGAN discriminators."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as normalised

from imtrans.errors import ConfigError, ShapeError
from imtrans.interfaces import Context, DiscriminatorOutput
from imtrans.kit.nn import BlurDown, InitType, NormName, initialise, outputs_of
from imtrans.kit.nn import norm as norm_layer
from imtrans_patchgan import DiscriminatorOptions

Padding = Literal["zero", "reflect", "none", "same"]
Plan = Sequence[tuple[int, int, int]]  # outputs, kernel and stride of each convolution


def patchgan(*, layers: int, width: int, context: Context, **options: Any) -> "PatchGAN":
    """The network that the options describe, for the channels of the data."""
    return _from_options(DiscriminatorOptions(width=width, **options), context, _plan(layers, width))


def small_patchgan(*, width: int, context: Context, **options: Any) -> "PatchGAN":
    """The small network of a project that colours photos: a field of 94 pixels, a logit for every 16 x 16 of them."""
    return _from_options(DiscriminatorOptions(width=width, **options), context, _small_plan(width))


def _from_options(options: DiscriminatorOptions, context: Context, plan: Plan) -> "PatchGAN":
    count = len(plan) - 1
    if len(options.activation) not in (1, count):
        raise ConfigError(
            f"activation: {len(options.activation)} given; there are {count} blocks with one",
            hint="Give one for each of them, or one for all.",
        )
    uses = options.activation if len(options.activation) == count else [*options.activation] * count
    # A factory for each block: an activation may have weights, which blocks must not share.
    return PatchGAN(
        context.data_spec.source.num_channels if options.conditional else 0,
        context.data_spec.target.num_channels,
        plan=plan,
        norm=options.norm,
        norm_eps=options.norm_eps,
        norm_momentum=options.norm_momentum,
        activations=[partial(context.make, "activation", use) for use in uses],
        bias=options.bias,
        spectral_norm=options.spectral_norm,
        padding=options.padding,
        antialias=options.antialias,
        init_type=options.init_type,
        init_std=options.init_std,
        init_norm_std=options.init_norm_std,
    )


class PatchGAN(nn.Module):
    """Convolutions that classify overlapping patches (Isola et al. 2017, section 3.2.2 and appendix 6.1).

    Called with source (B, S, H, W) and image (B, C, H, W); the source is ignored where source_channels is 0. Gives
    logits (B, 1, h, w) and the outputs of all inner blocks. The first and last convolution have no norm. A `plan`
    (outputs, kernel and stride of each convolution) takes precedence over `layers` and `width`. With `antialias` (the
    code of Park et al. 2020) sizes are halved by a blur of [1, 2, 1] at the end of a block, not by a stride.
    """

    def __init__(
        self,
        source_channels: int = 3,
        image_channels: int = 3,
        *,
        layers: int = 3,
        width: int = 64,
        plan: Plan | None = None,
        norm: NormName = "batch",
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
        activations: Sequence[Callable[[], nn.Module]] | None = None,
        bias: Literal["last", "no-norm", "everywhere"] = "no-norm",
        spectral_norm: bool = False,
        padding: Sequence[Padding] = ("zero",),
        antialias: bool = False,
        init_type: InitType = "normal",
        init_std: float = 0.02,
        init_norm_std: float = 0.02,
    ) -> None:
        super().__init__()
        self.is_conditional = source_channels > 0
        plan = plan or _plan(layers, width)
        paddings, last, inputs = _for_each(padding, plan), len(plan) - 1, source_channels + image_channels
        activations = activations or [partial(nn.LeakyReLU, 0.2)] * last
        self.blocks = nn.ModuleList()
        for i, layer in enumerate(plan):
            # Appendix 6.1: the first block has no norm layer. The last convolution gives the logits.
            is_normed = 0 < i < last and norm != "none"
            has_bias = i == last or bias == "everywhere" or (bias == "no-norm" and not is_normed)
            (outputs, kernel, stride), is_smooth = layer, antialias and layer[2] == 2
            sizes = inputs, outputs, kernel, 1 if is_smooth else stride
            block = _convolution(sizes, padding=paddings[i], bias=has_bias, is_spectral=spectral_norm)
            block += [norm_layer(norm, outputs, eps=norm_eps, momentum=norm_momentum)] if is_normed else []
            block += [activations[i]()] if i < last else []
            self.blocks.append(nn.Sequential(*block, *([BlurDown()] if is_smooth else [])))
            inputs = outputs
        # Searched: each stride rounds down, so there is no simple formula.
        self.smallest = next(n for n in itertools.count(1) if _fits(n, plan, paddings, is_smooth=antialias))
        initialise(self, std=init_std, norm_std=init_norm_std, init_type=init_type)

    def forward(self, source: Tensor | None, image: Tensor) -> DiscriminatorOutput:
        """Logits and features. ShapeError for images smaller than `smallest`."""
        if min(image.shape[2:]) < self.smallest:
            raise ShapeError(
                f"pictures of {tuple(image.shape[2:])} are too small for this discriminator: "
                f"it needs {self.smallest} pixels",
                hint="Set data.size larger, or discriminator.layers smaller.",
            )
        x = torch.cat([source, image], dim=1) if self.is_conditional and source is not None else image
        *features, logits = outputs_of(self.blocks, x)
        return DiscriminatorOutput(logits=[logits], features=[features])


def _for_each(padding: Sequence[Padding], plan: Plan) -> Sequence[Padding]:
    if len(padding) not in (1, len(plan)):
        raise ConfigError(
            f"padding: {len(padding)} given; there are {len(plan)} convolutions",
            hint="Give one for each of them, or one for all.",
        )
    return padding if len(padding) == len(plan) else [*padding] * len(plan)


def _fits(size: int, plan: Plan, paddings: Sequence[Padding], *, is_smooth: bool) -> bool:
    """Whether every convolution has at least one position in an image of this size, and every blur two pixels."""
    for (_, kernel, halving), padding in zip(plan, paddings, strict=True):
        stride = 1 if is_smooth else halving
        border = {"none": 0, "same": kernel - stride}.get(padding, 2) if kernel > 1 else 0
        size = (size + border - kernel) // stride + 1
        if size < halving // stride:
            return False
        size = -(-size // (halving // stride))
    return True


def _small_plan(width: int) -> Plan:
    """Four downsampling stages of 64, 128, 128 and 128 channels at the default width, then the logits."""
    return [(width, 4, 2), *[(2 * width, 4, 2)] * 3, (1, 4, 1)]


def _plan(layers: int, width: int) -> Plan:
    if layers == 0:
        return [(width, 1, 1), (2 * width, 1, 1), (1, 1, 1)]
    downsampling = [(width * min(2**i, 8), 4, 2) for i in range(layers)]
    return [*downsampling, (width * min(2**layers, 8), 4, 1), (1, 4, 1)]


def _convolution(
    sizes: tuple[int, int, int, int], *, padding: Padding, bias: bool, is_spectral: bool
) -> list[nn.Module]:
    inputs, outputs, kernel, stride = sizes
    # A 1x1 convolution needs no border to keep the size.
    border = int(kernel > 1 and padding in ("zero", "reflect"))
    mode: Literal["reflect", "zeros"] = "reflect" if padding == "reflect" else "zeros"
    convolution: nn.Module = nn.Conv2d(inputs, outputs, kernel, stride, border, padding_mode=mode, bias=bias)
    if is_spectral:
        convolution = normalised(convolution)
    if padding == "same" and kernel > 1:
        # Keras pads kernel - stride in all (for even sizes), the larger half at the end; torch pads both ends equally.
        total = kernel - stride
        return [nn.ZeroPad2d((total // 2, total - total // 2) * 2), convolution]
    return [convolution]
