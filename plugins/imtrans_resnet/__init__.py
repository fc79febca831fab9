"""The residual generators of Johnson et al. 2016, as in CycleGAN and pix2pix's PyTorch port."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class ResnetOptions:
    """Defaults are CycleGAN's (Zhu et al. 2017, appendix 7.2), with a bias in every layer, as its code has them."""

    blocks: int = option(9, "residual blocks at the coarsest size; CycleGAN: 6 for 128 px, 9 for 256", low=0)
    width: int = option(64, "channels of the first layer; doubled at each downsampling", low=1)
    downs: int = option(2, "downsampling stages; 1 keeps the edges of small pictures", low=1, high=5)
    norm: Literal["instance", "batch", "none"] = option(
        "instance", "norm layer of all but the last; instance: without learned weight and bias"
    )
    bias: Literal["everywhere", "no-norm"] = option("everywhere", "layers with a bias: all, or those without norm")
    padding: Literal["reflect", "zero"] = option("reflect", "border of the convolutions at full size and in the blocks")
    dropout: float = option(0.0, "rate of dropout in each block", low=0, high=0.99)
    antialias: bool = option(
        False, "blur where the size is halved and doubled, instead of strided convolutions, as in CUT"
    )
    antialias_stages: Literal["both", "down", "up"] = option("both", "where antialias blurs: both ways, or one alone")
    init_type: Literal["normal", "xavier"] = option(
        "normal", "rule of the initial weights: normal, or Xavier's with init_std as its gain, as in CUT's code"
    )
    init_std: float = option(0.02, "standard deviation of the initial weights; 0: torch's own initialisation", low=0)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """The generators with 6 and 9 blocks."""
    for blocks in (6, 9):
        yield Component(
            kind="generator",
            name=f"resnet{blocks}",
            target="imtrans_resnet.network:resnet",
            summary=f"{blocks} residual blocks between two downsampling and two upsampling stages, as in CycleGAN",
            options=ResnetOptions(blocks=blocks),
            needs_context=True,
        )
