"""What only training needs: the PatchGANs, and the network whose patches CUT compares."""

import re

from imtrans import ComponentRef
from imtrans_junyanz.layouts import Layout, Weights, kernels, norm_kind
from imtrans_junyanz.resnet import DOWN_ROW

FIELDS = {1: 16, 2: 34, 3: 70, 4: 142, 5: 286}
MLP = re.compile(r"mlp_(\d+)\.0\.weight")


def patchgan(weights: Weights) -> Layout | None:
    """The layout of a PatchGAN; CUT's has a blur behind each block that halves the size. None for other networks."""
    numbers = sorted(int(k.removeprefix("model.")) for k in kernels(weights) if re.fullmatch(r"model\.\d+", k))
    layers, is_smooth = len(numbers) - 2, "model.2.filt" in weights
    if layers not in range(1, 7) or weights["model.0.weight"].shape[2:] != (4, 4):
        return None
    starts = [3 * i - 1 + (i if is_smooth else 0) for i in range(1, layers + 1)]
    last = starts[-1] + 3
    norm = norm_kind(weights, f"model.{starts[0] + 1}", f"model.{starts[0]}")
    inner = [(f"model.{n}", f"blocks.{i}.0", norm == "instance") for i, n in enumerate(starts, 1)]
    options = {
        "layers": layers,
        "width": weights["model.0.weight"].shape[0],
        "norm": norm,
        "bias": "everywhere" if norm == "instance" else "no-norm",
        "antialias": is_smooth,
    }
    smooth = ", smooth sampling" if is_smooth else ""
    return Layout(
        part="discriminator",
        use=ComponentRef(f"patchgan{FIELDS.get(layers, 70)}", options),
        words=f"a PatchGAN of {layers} downsampling stages ({norm} norm{smooth})",
        layers=[("model.0", "blocks.0.0", True), *inner, (f"model.{last}", f"blocks.{layers + 1}.0", True)],
        norms=[(f"model.{n + 1}", f"blocks.{i}.1") for i, n in enumerate(starts, 1)],
        norm=norm,
        blurs={f"model.{n - 1}": DOWN_ROW for n in starts} if is_smooth else {},
        source=weights["model.0.weight"].shape[1],
    )


def patch_mlps(weights: Weights) -> Layout | None:
    """The layout of CUT's network of two linear layers for each map; None for other networks."""
    count = sum(bool(MLP.fullmatch(k)) for k in weights)
    first = weights.get("mlp_0.0.weight")
    if first is None or first.dim() != 2:
        return None
    return Layout(
        part="patch_network",
        use=ComponentRef("patch-mlp", {"width": first.shape[0]}),
        words=f"linear layers for the patches of {count} maps",
        layers=[(f"mlp_{i}.{j}", f"layers.{i}.{j}", True) for i in range(count) for j in (0, 2)],
        source=count,
    )
