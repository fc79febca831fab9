"""Networks of three axes for volumes: a U-Net and a PatchGAN."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, ComponentRef, NetworkInfo, hookimpl, option

PLANAR = "levels from the outermost on that work within slices alone, where these are thick; 1 for each factor of two"


@dataclass(frozen=True, kw_only=True)
class UNet3DOptions:
    """Defaults are the usual ones of medical volumes (nnU-Net: Isensee et al. 2021), with one halving less."""

    depth: int = option(4, "halvings; rows and columns must be multiples of 2**depth", low=1, high=7)
    width: int = option(32, "channels at full size; doubled at each halving, up to 10 times", low=1)
    planar_levels: int = option(0, PLANAR, low=0)
    norm: Literal["batch", "instance", "none"] = option(
        "instance", "norm after each convolution; batches of volumes are too small for batch norm"
    )
    activation: ComponentRef = option(ComponentRef("leaky-relu", {"slope": 0.01}), "after each norm", kind="activation")
    dropout: float = option(0.0, "rate of dropout of whole channels, the source of noise; 0: none", low=0, high=0.99)
    dropout_blocks: tuple[int, ...] = option((1, 2), "decoder blocks with dropout; 1 is the innermost", low=1)
    init_std: float = option(0.02, "standard deviation of the initial weights; 0: torch's own initialisation", low=0)


@dataclass(frozen=True, kw_only=True)
class PatchGAN3DOptions:
    """The paper's PatchGAN along three axes; a field of 34 voxels, as blocks are smaller than pictures."""

    layers: int = option(2, "downsampling stages. Fields: 16, 34, 70, 142 voxels", low=1, high=4)
    width: int = option(32, "channels of the first layer; doubled at each layer, up to 8 times", low=1)
    planar_levels: int = option(0, PLANAR, low=0)
    conditional: bool = option(True, "see the source beside the volume")
    norm: Literal["batch", "instance", "none"] = option("instance", "norm of all blocks but the first and last")
    activation: ComponentRef = option(ComponentRef("leaky-relu", {"slope": 0.2}), "of all blocks", kind="activation")
    init_std: float = option(0.02, "standard deviation of the initial weights; 0: torch's own initialisation", low=0)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """A generator and a discriminator."""
    yield Component(
        kind="generator",
        name="unet3d",
        target="imtrans_networks3d.unet:unet3d",
        summary="U-Net of three axes for volumes, two convolutions a level; slices may be thick",
        options=UNet3DOptions,
        info=NetworkInfo(axes=3),
        needs_context=True,
    )
    yield Component(
        kind="discriminator",
        name="patchgan3d",
        target="imtrans_networks3d.patchgan:patchgan3d",
        summary="classifies blocks of volumes, of 34 voxels a side",
        options=PatchGAN3DOptions,
        info=NetworkInfo(axes=3),
        needs_context=True,
    )
