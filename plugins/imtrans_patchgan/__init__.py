"""The PatchGAN discriminators of pix2pix, named by the pixels that one verdict sees."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, Use, hookimpl, option

FIELDS = {1: 16, 2: 34, 3: 70, 4: 142, 5: 286}


@dataclass(frozen=True, kw_only=True)
class PatchGANOptions:
    """Defaults are the paper's (appendix 6.1), with a bias wherever no norm follows."""

    layers: int = option(3, "halvings; 0: 1x1 convolutions only. Fields: 1, 16, 34, 70, 142, 286, 574", low=0, high=6)
    width: int = option(64, "channels of the first layer; doubled at each layer, up to 8 times", low=1)
    conditional: bool = option(True, "see the source beside the image")
    norm: Literal["batch", "instance", "none"] = option("batch", "norm layer of all blocks but the first and last")
    activation: tuple[Use, ...] = option(
        (Use("leaky-relu", {"slope": 0.2}),), "one for all blocks, or a list from first to last", kind="activation"
    )
    bias: Literal["no-norm", "everywhere"] = option("no-norm", "layers with a bias: those that no norm follows, or all")
    spectral_norm: bool = option(False, "divide every weight by its largest singular value (Miyato et al. 2018)")
    padding: tuple[Literal["zero", "reflect", "none", "same"], ...] = option(
        ("zero",),
        "border of the convolutions, one for all or a list; same: as Keras does it (at stride 1 one before, two after)",
    )
    init_std: float = option(0.02, "standard deviation of the initial weights; 0: torch's own initialisation", low=0)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    for layers, field in FIELDS.items():
        yield _component(f"patchgan{field}", layers, f"judges patches of {field} x {field} pixels")
    yield _component("pixelgan", 0, "judges each pixel by itself")


def _component(name: str, layers: int, summary: str) -> Component:
    return Component(
        kind="discriminator",
        name=name,
        target="imtrans_patchgan.network:patchgan",
        summary=summary,
        options=PatchGANOptions(layers=layers),
        needs_context=True,
    )
