"""The PatchGAN discriminators of pix2pix, named by the field of one logit in pixels."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, ComponentRef, hookimpl, option

# Layers to the side of the field in pixels. The name has the field: papers compare discriminators by it.
FIELDS = {1: 16, 2: 34, 3: 70, 4: 142, 5: 286}


@dataclass(frozen=True, kw_only=True)
class DiscriminatorOptions:
    """Options of all of them. Defaults are the paper's (appendix 6.1), with a bias wherever no norm follows."""

    width: int = option(64, "channels of the first layer; doubled at each layer, up to 8 times", low=1)
    conditional: bool = option(True, "see the source beside the image")
    norm: Literal["batch", "instance", "plain-instance", "none"] = option(
        "batch",
        "norm layer of all blocks but the first and last; plain-instance: without weight and bias, as in CycleGAN",
    )
    norm_eps: float = option(1e-5, "added to the variance; Keras: 1e-3", low=0)
    norm_momentum: float = option(
        0.1, "share of the newest batch in the running statistics; Keras: 0.01", low=0, high=1
    )
    activation: tuple[ComponentRef, ...] = option(
        (ComponentRef("leaky-relu", {"slope": 0.2}),),
        "one for all blocks, or a list from first to last",
        kind="activation",
    )
    bias: Literal["last", "no-norm", "everywhere"] = option(
        "no-norm", "layers with a bias: the last only, those that no norm follows, or all"
    )
    spectral_norm: bool = option(False, "divide every weight by its largest singular value (Miyato et al. 2018)")
    padding: tuple[Literal["zero", "reflect", "none", "same"], ...] = option(
        ("zero",),
        "border of the convolutions, one for all or a list; same: as Keras does it (at stride 1 one before, two after)",
    )
    antialias: bool = option(False, "blur where the size is halved, instead of strided convolutions, as in CUT's code")
    init_type: Literal["normal", "xavier"] = option(
        "normal", "rule of the initial weights: normal, or Xavier's with init_std as its gain, as in CUT's code"
    )
    init_std: float = option(0.02, "standard deviation of the initial weights; 0: torch's own initialisation", low=0)
    init_norm_std: float = option(
        0.02, "standard deviation of the initial norm weights around 1; 0: all 1, as Keras begins", low=0
    )


@dataclass(frozen=True, kw_only=True)
class PatchGANOptions(DiscriminatorOptions):
    """Options of the paper's family: downsampling stages, one convolution at stride 1, the logits."""

    layers: int = option(
        3, "downsampling stages; 0: 1x1 convolutions only. Fields: 1, 16, 34, 70, 142, 286, 574", low=0, high=6
    )


@dataclass(frozen=True, kw_only=True)
class SmallPatchGANOptions(DiscriminatorOptions):
    """Options of the small network: always four downsampling stages, so there is no `layers`."""

    padding: tuple[Literal["zero", "reflect", "none", "same"], ...] = option(
        ("same",), "border of the convolutions, one for all or a list; same: as Keras does it"
    )


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Five PatchGANs, the PixelGAN and the small PatchGAN."""
    for layers, field in FIELDS.items():
        yield _component(f"patchgan{field}", layers, f"classifies patches of {field} x {field} pixels")
    yield _component("pixelgan", 0, "classifies each pixel by itself")
    yield Component(
        kind="discriminator",
        name="patchgan94",
        target="imtrans_patchgan.network:small_patchgan",
        summary="small, four downsampling stages of at most twice the width: classifies patches of 94 x 94 pixels",
        options=SmallPatchGANOptions(),
        needs_context=True,
    )


def _component(name: str, layers: int, summary: str) -> Component:
    return Component(
        kind="discriminator",
        name=name,
        target="imtrans_patchgan.network:patchgan",
        summary=summary,
        options=PatchGANOptions(layers=layers),
        needs_context=True,
    )
