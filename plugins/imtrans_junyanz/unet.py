"""The U-Nets: nested blocks, the innermost without a norm after its downsampling."""

import re

from imtrans import ComponentRef
from imtrans_junyanz.layouts import Layout, Weights, norm_kind

PAPERS = {"upsampling": "transposed", "detail": 0}  # said, as a data set may advise others
UNETS = {7: "unet128", 8: "unet256"}


def unet(weights: Weights) -> Layout | None:
    """The layout of a U-Net; None where there are no two stages."""
    nested = re.compile(r"model\.model\.1(\.model\.3)*\.model\.1\.weight")
    depth = 1 + sum(bool(nested.fullmatch(k)) for k in weights)
    if depth < 2:
        return None
    norm = norm_kind(weights, "model.model.1.model.2", "model.model.1.model.1")
    has_bias = norm == "instance"
    layers = [("model.model.0", "encoder.0.0", has_bias), ("model.model.3", "output.1", True)]
    joined, norms, block = ["model.model.3"], [], "model.model.1"
    for level in range(1, depth):
        is_innermost, decoder = level == depth - 1, f"decoder.{depth - 1 - level}"
        layers += [(f"{block}.model.1", f"encoder.{level}.1", has_bias)]
        layers += [(f"{block}.model.{3 if is_innermost else 5}", f"{decoder}.1", has_bias)]
        joined += [] if is_innermost else [f"{block}.model.5"]
        norms += [] if is_innermost else [(f"{block}.model.2", f"encoder.{level}.2")]
        norms += [(f"{block}.model.{4 if is_innermost else 6}", f"{decoder}.2")]
        block += ".model.3"
    options = {
        **PAPERS,
        "depth": depth,
        "width": weights["model.model.0.weight"].shape[0],
        "norm": norm,
        "bias": "everywhere" if has_bias else "last",
        # There the innermost block has none, unlike in the authors' Torch code.
        "dropout_blocks": tuple(range(2, depth - 3)),
    }
    return Layout(
        part="generator",
        use=ComponentRef(UNETS.get(depth, "unet256"), options),
        words=f"a U-Net of {depth} downsampling stages ({norm} norm)",
        layers=layers,
        norms=norms if norm != "none" else [],
        norm=norm,
        joined=joined,
        source=weights["model.model.0.weight"].shape[1],
        target=weights["model.model.3.weight"].shape[1],
        # What its test.py does without --eval.
        inference={"norm": "batch", "dropout": True},
    )
