"""The networks of pytorch-CycleGAN-and-pix2pix and CUT, recognised by the names and shapes in their state dicts.

They are nested or flat sequences of numbered layers; the numbers tell kind, depth and norm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor

from imtrans import ComponentRef

Weights = Mapping[str, Tensor]
NormKind = Literal["batch", "instance", "none"]
Part = Literal["generator", "discriminator", "patch_network"]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A network of theirs: the component that it is, and each layer's name there with its name here.

    `layers` (with whether they have a bias) and `norms` are names of layers, without ".weight". The input channels of
    the layers `joined` are the encoder's and then the decoder's there, and the other way round here. `blurs` are names
    of layers with a fixed kernel, and its row. `words` says for people what it is, `source` and `target` are its
    channels.
    """

    part: Part
    use: ComponentRef
    words: str
    layers: Sequence[tuple[str, str, bool]]
    norms: Sequence[tuple[str, str]] = ()
    norm: NormKind = "none"
    joined: Sequence[str] = ()
    blurs: Mapping[str, tuple[float, ...]] | None = None
    source: int = 0
    target: int = 0
    inference: Mapping[str, Any] | None = None

    @property
    def is_unpaired(self) -> bool:
        """Whether it is a generator as CycleGAN and CUT have it by default: a residual net with instance norm."""
        return self.use.name.startswith("resnet") and self.norm == "instance"

    @property
    def has_maps_of_cut(self) -> bool:
        """Whether its maps that CUT compares are those that the component here gives: its layers 0, 4, 8, 12, 16."""
        options = self.use.options
        return bool(options.get("antialias")) and options["antialias_stages"] != "up" and options["blocks"] > 4

    def with_options(self, **options: Any) -> "Layout":
        """The same, with these options of the component."""
        return replace(self, use=ComponentRef(self.use.name, {**self.use.options, **options}))


def kernels(weights: Weights) -> set[str]:
    """The names of all convolutions."""
    return {k.removesuffix(".weight") for k, v in weights.items() if k.endswith(".weight") and v.dim() == 4}


def norm_kind(weights: Weights, norm: str, convolution: str) -> NormKind:
    """Which norm a network has, by the weights of one norm layer and of the convolution before it."""
    if f"{norm}.weight" in weights:
        return "batch"
    return "instance" if f"{convolution}.bias" in weights else "none"


def following(layer: str) -> str:
    """The layer after this one of the same sequence."""
    stem, _, index = layer.rpartition(".")
    return f"{stem}.{int(index) + 1}"
