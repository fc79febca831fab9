"""The U-Nets of pix2pix, and the encoder-decoder it is compared with."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, ComponentRef, hookimpl, option

TARGET = "imtrans_unet.build:unet"


@dataclass(frozen=True, kw_only=True)
class UNetOptions:
    """Defaults are the paper's (appendix 6.1), in the effective form of its code: a bias in the last layer only."""

    depth: int = option(8, "downsampling stages; sizes must be multiples of 2**depth", low=2, high=12)
    width: int = option(64, "channels of the first layer; doubled at each halving, up to 8 times", low=1)
    encoder_activation: tuple[ComponentRef, ...] = option(
        (ComponentRef("leaky-relu", {"slope": 0.2}),),
        "one for all blocks, or a list from the outermost inwards",
        kind="activation",
    )
    decoder_activation: tuple[ComponentRef, ...] = option(
        (ComponentRef("relu"),), "one for all blocks, or a list from the innermost outwards", kind="activation"
    )
    bottleneck_activation: ComponentRef | None = option(
        None, "activation after the bottleneck, in place of the lists' one", kind="activation"
    )
    norm: Literal["batch", "instance", "none"] = option("batch", "norm layer of all blocks but the first and last")
    norm_eps: float = option(1e-5, "added to the variance; Keras: 1e-3", low=0)
    norm_momentum: float = option(
        0.1, "share of the newest batch in the running statistics; Keras: 0.01", low=0, high=1
    )
    decoder_norm: bool = option(True, "norm in the decoder, too")
    bottleneck_norm: bool = option(False, "norm at the bottleneck, too; the paper's erratum takes it out")
    dropout: float = option(0.5, "rate of dropout, the source of noise", low=0, high=0.99)
    dropout_blocks: tuple[int, ...] = option((1, 2, 3), "decoder blocks with dropout; 1 is the innermost", low=1)
    dropout_kind: Literal["element", "channel"] = option("element", "what is dropped at a time")
    dropout_place: Literal["norm", "activation"] = option(
        "norm", "dropout after the norm, or after the activation that follows it (pre_activation=false)"
    )
    pre_activation: bool = option(
        True,
        "activation before each convolution, as in the paper's code; false: after its norm, as TensorFlow's tutorial",
        former={"wiring": {"pre": True, "post": False}},
    )
    padding: Literal["zero", "reflect"] = option("zero", "border of the encoder's convolutions")
    bias: Literal["last", "ends", "no-norm", "everywhere"] = option(
        "last", "layers with a bias: the last only, the first and the last, those that no norm follows, or all"
    )
    upsampling: Literal["transposed", "resize"] = option(
        "transposed", "transposed convolution, or nearest resize and 3x3 convolution, which leaves no checkerboard"
    )
    detail: int = option(
        0,
        "channels of two further convolutions at full size, joined with the source: finer edges; 0: none, the paper's",
        low=0,
    )
    skips: bool = option(True, "join each encoder output to the decoder block of its size")
    init_type: Literal["normal", "xavier"] = option(
        "normal", "rule of the initial weights: normal, or Xavier's with init_std as its gain, as in CUT's code"
    )
    init_std: float = option(0.02, "standard deviation of the initial weights; 0: torch's own initialisation", low=0)
    init_norm_std: float = option(
        0.02, "standard deviation of the initial norm weights around 1; 0: all 1, as Keras begins", low=0
    )


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Declare what this plugin offers."""
    for size, depth in ((256, 8), (128, 7), (64, 6)):
        yield Component(
            kind="generator",
            name=f"unet{size}",
            target=TARGET,
            summary=f"U-Net of {depth} downsampling stages for multiples of {size} pixels",
            options=UNetOptions(depth=depth),
            needs_context=True,
        )
    yield Component(
        kind="generator",
        name="encoder-decoder",
        target=TARGET,
        summary="the U-Net of 8 downsampling stages without its skips: the paper's comparison",
        options=UNetOptions(skips=False),
        needs_context=True,
    )
