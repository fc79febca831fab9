"""The networks of pytorch-CycleGAN-and-pix2pix, recognised by the names and shapes in their state dicts.

They are nested or flat sequences of numbered layers; the numbers tell kind, depth and norm.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from imtrans import ComponentRef

Weights = Mapping[str, Tensor]
NormKind = Literal["batch", "instance", "none"]
UNETS = {7: "unet128", 8: "unet256"}
FIELDS = {1: 16, 2: 34, 3: 70, 4: 142, 5: 286}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A network of theirs: the component that it is, and each layer's name there with its name here.

    `convolutions` (with whether they have a bias) and `norms` are names of layers, without ".weight". The input
    channels of the layers `joined` are the encoder's and then the decoder's there, and the other way round here.
    `words` says for people what it is, `source` and `target` are its channels.
    """

    slot: str
    use: ComponentRef
    words: str
    convolutions: Sequence[tuple[str, str, bool]]
    norms: Sequence[tuple[str, str]]
    norm: NormKind
    joined: Sequence[str] = ()
    source: int = 0
    target: int = 0
    inference: Mapping[str, Any] | None = None


def layout_of(weights: Weights) -> Layout | None:
    """Which of their networks this is, by its names; None for anything else."""
    kernels = {k.removesuffix(".weight") for k, v in weights.items() if k.endswith(".weight") and v.dim() == 4}
    if {"model.model.0", "model.model.3"} <= kernels:
        return _unet(weights)
    if any(".conv_block." in k for k in kernels) and "model.1" in kernels:
        return _resnet(weights, kernels)
    if {"model.0", "model.2"} <= kernels:
        return _patchgan(weights, kernels)
    return None


def _norm_kind(weights: Weights, norm: str, convolution: str) -> NormKind:
    if f"{norm}.weight" in weights:
        return "batch"
    return "instance" if f"{convolution}.bias" in weights else "none"


def _unet(weights: Weights) -> Layout | None:
    nested = re.compile(r"model\.model\.1(\.model\.3)*\.model\.1\.weight")
    depth = 1 + sum(bool(nested.fullmatch(k)) for k in weights)
    if depth < 2:
        return None
    norm = _norm_kind(weights, "model.model.1.model.2", "model.model.1.model.1")
    has_bias = norm == "instance"
    convolutions = [("model.model.0", "encoder.0.0", has_bias), ("model.model.3", "output.1", True)]
    joined, norms, block = ["model.model.3"], [], "model.model.1"
    for level in range(1, depth):
        is_innermost, decoder = level == depth - 1, f"decoder.{depth - 1 - level}"
        convolutions += [(f"{block}.model.1", f"encoder.{level}.1", has_bias)]
        convolutions += [(f"{block}.model.{3 if is_innermost else 5}", f"{decoder}.1", has_bias)]
        joined += [] if is_innermost else [f"{block}.model.5"]
        norms += [] if is_innermost else [(f"{block}.model.2", f"encoder.{level}.2")]
        norms += [(f"{block}.model.{4 if is_innermost else 6}", f"{decoder}.2")]
        block += ".model.3"
    options = {
        "depth": depth,
        "width": weights["model.model.0.weight"].shape[0],
        "norm": norm,
        "bias": "everywhere" if has_bias else "last",
        # There the innermost block has none, unlike in the authors' Torch code.
        "dropout_blocks": tuple(range(2, depth - 3)),
    }
    name = UNETS.get(depth, "unet256")
    return Layout(
        slot="generator",
        use=ComponentRef(name, options),
        words=f"a U-Net of {depth} downsampling stages ({norm} norm)",
        convolutions=convolutions,
        norms=norms if norm != "none" else [],
        norm=norm,
        joined=joined,
        source=weights["model.model.0.weight"].shape[1],
        target=weights["model.model.3.weight"].shape[1],
        # What its test.py does without --eval.
        inference={"norm": "batch", "dropout": True},
    )


def _resnet(weights: Weights, kernels: set[str]) -> Layout | None:
    blocks = len({k for k in weights if re.fullmatch(r"model\.\d+\.conv_block\.1\.weight", k)})
    norm = _norm_kind(weights, "model.2", "model.1")
    has_dropout = "model.10.conv_block.6.weight" in weights and weights["model.10.conv_block.6.weight"].dim() == 4
    has_bias, second, up = norm == "instance", 6 if has_dropout else 5, 10 + blocks
    if f"model.{up + 7}" not in kernels:
        return None
    pairs = [("model.1", "first.0"), ("model.4", "down.0.0"), ("model.7", "down.1.0")]
    for b in range(blocks):
        pairs += [(f"model.{10 + b}.conv_block.1", f"blocks.{b}.0")]
        pairs += [(f"model.{10 + b}.conv_block.{second}", f"blocks.{b}.{second - 2}")]
    pairs += [(f"model.{up}", "up.0.0"), (f"model.{up + 3}", "up.1.0")]
    last = f"model.{up + 7}"
    return Layout(
        slot="generator",
        use=ComponentRef(
            "resnet6" if blocks == 6 else "resnet9",
            {
                "blocks": blocks,
                "width": weights["model.1.weight"].shape[0],
                "norm": norm,
                "bias": "everywhere" if has_bias else "no-norm",
                "dropout": 0.5 if has_dropout else 0.0,
            },
        ),
        words=f"a residual net of {blocks} blocks ({norm} norm)",
        convolutions=[*((there, here, has_bias) for there, here in pairs), (last, "last.0", True)],
        norms=[(_next(there), _next(here)) for there, here in pairs],
        norm=norm,
        source=weights["model.1.weight"].shape[1],
        target=weights[f"{last}.weight"].shape[0],
        inference={"norm": "batch", "dropout": has_dropout},
    )


def _patchgan(weights: Weights, kernels: set[str]) -> Layout | None:
    numbers = sorted(int(k.removeprefix("model.")) for k in kernels if re.fullmatch(r"model\.\d+", k))
    layers = len(numbers) - 2
    if layers not in range(1, 7) or weights["model.0.weight"].shape[2:] != (4, 4):
        return None
    norm = _norm_kind(weights, "model.3", "model.2")
    inner = [(f"model.{3 * i - 1}", f"blocks.{i}.0", norm == "instance") for i in range(1, layers + 1)]
    last = (f"model.{3 * layers + 2}", f"blocks.{layers + 1}.0", True)
    options = {
        "layers": layers,
        "width": weights["model.0.weight"].shape[0],
        "norm": norm,
        "bias": "everywhere" if norm == "instance" else "no-norm",
    }
    return Layout(
        slot="discriminator",
        use=ComponentRef(f"patchgan{FIELDS.get(layers, 70)}", options),
        words=f"a PatchGAN of {layers} downsampling stages ({norm} norm)",
        convolutions=[("model.0", "blocks.0.0", True), *inner, last],
        norms=[(f"model.{3 * i}", f"blocks.{i}.1") for i in range(1, layers + 1)],
        norm=norm,
        source=weights["model.0.weight"].shape[1],
    )


def _next(layer: str) -> str:
    """The layer after this one of the same sequence."""
    stem, _, index = layer.rpartition(".")
    return f"{stem}.{int(index) + 1}"
