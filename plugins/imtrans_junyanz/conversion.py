"""A network of theirs under the names of the component here."""

from collections.abc import Iterator

import torch
from torch import Tensor

from imtrans.errors import CheckpointError
from imtrans_junyanz.layouts import Layout, Weights

CHANGED = "It was changed, or another program's: ask for the file as training wrote it."
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def converted(weights: Weights, layout: Layout, name: str) -> dict[str, Tensor]:
    """The weights under the names of the component here. CheckpointError names what is missing or too many."""
    names = dict(_names(layout))
    tensors = {ours: weights[theirs] for theirs, ours in names.items() if theirs in weights}
    for there, here in layout.norms:
        if layout.norm == "batch" and f"{there}.weight" in weights:
            tensors.setdefault(f"{here}.num_batches_tracked", torch.tensor(0))
    missing = [t for t, ours in names.items() if ours not in tensors]
    extra = [k for k in weights if k not in names and k not in _ignored(layout)]
    for keys, fault in ((missing, "lacks"), (extra, "has besides")):
        if keys:
            shown = ", ".join(keys[:3]) + (f", and {len(keys) - 3} more" if len(keys) > 3 else "")
            raise CheckpointError(f"{name}: is {layout.words}, but {fault} {len(keys)} weights: {shown}", hint=CHANGED)
    _check_kernels(weights, layout, name)
    for there in layout.joined:
        tensors[names[f"{there}.weight"]] = torch.cat(weights[f"{there}.weight"].chunk(2)[::-1])
    return tensors | _affine(weights, layout) | _zero_biases(weights, layout)


def _names(layout: Layout) -> Iterator[tuple[str, str]]:
    for there, here, has_bias in layout.layers:
        yield f"{there}.weight", f"{here}.weight"
        if has_bias:
            yield f"{there}.bias", f"{here}.bias"
    if layout.norm == "batch":
        for there, here in layout.norms:
            yield from ((f"{there}.{k}", f"{here}.{k}") for k in ("weight", "bias", *STATISTICS))


def _ignored(layout: Layout) -> set[str]:
    """What the component here does without: before torch 0.4 instance norm kept statistics, which nothing read."""
    kept = {f"{there}.{s}" for there, _ in layout.norms for s in STATISTICS} if layout.norm == "instance" else set()
    return kept | {f"{there}.filt" for there in layout.blurs or {}}


def _check_kernels(weights: Weights, layout: Layout, name: str) -> None:
    """CheckpointError where a layer has no kernel or matrix, or a blur is none that the component here has."""
    axes = 2 if layout.part == "patch_network" else 4
    flat = [there for there, _, _ in layout.layers if weights[f"{there}.weight"].dim() != axes]
    if flat:
        raise CheckpointError(f"{name}: is {layout.words}, but {flat[0]}.weight is no kernel", hint=CHANGED)
    for there, values in (layout.blurs or {}).items():
        row = torch.tensor(values)
        # Doubling the size, one in four pixels is there already: the kernel's sum is four, not one.
        wanted = torch.outer(row, row) * (4 if len(values) == 4 else 1) / row.sum() ** 2
        kernel = weights.get(f"{there}.filt", torch.zeros(0))
        if kernel.shape[1:] != (1, *wanted.shape) or not torch.allclose(kernel.float(), wanted, atol=1e-3):
            what = f"but the blur of {there} is not that of {'-'.join(f'{v:g}' for v in values)}"
            raise CheckpointError(f"{name}: is {layout.words}, {what}", hint=CHANGED)


def _affine(weights: Weights, layout: Layout) -> dict[str, Tensor]:
    """Instance norm of U-Nets and PatchGANs has weights here and none there: one and zero are the same as none."""
    if layout.norm != "instance" or layout.use.name.startswith("resnet"):
        return {}
    if layout.use.options.get("norm") == "plain-instance":
        return {}
    filled: dict[str, Tensor] = {}
    before = {here: weights[f"{there}.bias"] for there, here, has_bias in layout.layers if has_bias}
    for _, here in layout.norms:
        stem, _, index = here.rpartition(".")
        bias = before[f"{stem}.{int(index) - 1}"]
        filled |= {f"{here}.weight": torch.ones_like(bias), f"{here}.bias": torch.zeros_like(bias)}
    return filled


def _zero_biases(weights: Weights, layout: Layout) -> dict[str, Tensor]:
    """Without norm layers all convolutions have a bias here, and there the last alone: one of zero is none."""
    if layout.norm != "none" or layout.use.name.startswith("unet"):
        return {}
    lacking = ((there, here) for there, here, has_bias in layout.layers if not has_bias)
    return {f"{here}.bias": torch.zeros(len(weights[f"{there}.weight"])) for there, here in lacking}
