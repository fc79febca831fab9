"""Weights of pytorch-CycleGAN-and-pix2pix under the names of the components here."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from imtrans import ComponentRef
from imtrans.errors import CheckpointError
from imtrans.interfaces import Imported, ImportedNetwork
from imtrans_pix2pix.junyanz_layouts import Layout, Weights, layout_of

CHANGED = "It was changed, or another program's: ask for the file as training wrote it."
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class JunyanzImporter:
    """The importer: one generator, and its discriminator if it is given, too."""

    def __call__(self, files: Mapping[str, Weights]) -> Imported | None:
        """The networks in the files; None if none is theirs, CheckpointError for files that make no run."""
        layouts = {name: layout for name, weights in files.items() if (layout := layout_of(weights))}
        if not layouts:
            return None
        _check(layouts, files)
        slots = {layout.slot: (name, layout) for name, layout in layouts.items()}
        name, generator = slots["generator"]
        parts = {"generator": ImportedNetwork(generator.use, converted(files[name], generator, name))}
        if "discriminator" in slots:
            name, discriminator = slots["discriminator"]
            use = _discriminator(discriminator, generator, name)
            parts["discriminator"] = ImportedNetwork(use, converted(files[name], discriminator, name))
        return Imported(
            recipe="pix2pix",
            parts=parts,
            source=generator.source,
            target=generator.target,
            inference=generator.inference or {},
            notes=[f"{name}: {layout.words}" for name, layout in layouts.items()],
        )


def _check(layouts: Mapping[str, Layout], files: Mapping[str, Weights]) -> None:
    """CheckpointError unless every file is a network of theirs, and they are one generator and no two of a kind."""
    first, slots = next(iter(files)), {layout.slot for layout in layouts.values()}
    unknown = next((name for name in files if name not in layouts), None)
    if unknown:
        raise CheckpointError(f"{unknown}: is no network of pytorch-CycleGAN-and-pix2pix, as the other file is")
    if len(slots) < len(files):
        raise CheckpointError(f"{', '.join(files)}: two {layouts[first].slot}s; a run has one")
    if "generator" not in slots:
        hint = f"Give the generator's file, too: imtrans import latest_net_G.pth {first}"
        raise CheckpointError(f"{first}: is a discriminator, which translates nothing alone", hint=hint)


def _discriminator(discriminator: Layout, generator: Layout, name: str) -> ComponentRef:
    """The discriminator. One that sees the source has more input channels."""
    channels, target = discriminator.source, generator.target
    if channels not in (target, generator.source + target):
        what = f"takes {channels} channels; the generator's source and target have {generator.source} and {target}"
        raise CheckpointError(f"{name}: {what}", hint="Give the two files of one training.")
    return ComponentRef(discriminator.use.name, {**discriminator.use.options, "conditional": channels != target})


def converted(weights: Weights, layout: Layout, name: str) -> dict[str, Tensor]:
    """The weights under the names of the component here. CheckpointError names what is missing or too many."""
    names = dict(_names(layout))
    # Before torch 0.4 instance norm kept statistics, and batch norm did not count its batches.
    ignored = {f"{there}.{s}" for there, _ in layout.norms for s in STATISTICS} if layout.norm == "instance" else set()
    tensors = {ours: weights[theirs] for theirs, ours in names.items() if theirs in weights}
    for there, here in layout.norms:
        if layout.norm == "batch" and f"{there}.weight" in weights:
            tensors.setdefault(f"{here}.num_batches_tracked", torch.tensor(0))
    missing = [t for t, ours in names.items() if ours not in tensors]
    extra = [k for k in weights if k not in names and k not in ignored]
    for keys, fault in ((missing, "lacks"), (extra, "has besides")):
        if keys:
            shown = ", ".join(keys[:3]) + (f", and {len(keys) - 3} more" if len(keys) > 3 else "")
            raise CheckpointError(f"{name}: is {layout.words}, but {fault} {len(keys)} weights: {shown}", hint=CHANGED)
    flat = [there for there, _, _ in layout.convolutions if weights[f"{there}.weight"].dim() != 4]
    if flat:
        raise CheckpointError(f"{name}: is {layout.words}, but {flat[0]}.weight is no kernel", hint=CHANGED)
    for there in layout.joined:
        tensors[names[f"{there}.weight"]] = torch.cat(weights[f"{there}.weight"].chunk(2)[::-1])
    return tensors | _affine(weights, layout)


def _names(layout: Layout) -> Iterator[tuple[str, str]]:
    for there, here, has_bias in layout.convolutions:
        yield f"{there}.weight", f"{here}.weight"
        if has_bias:
            yield f"{there}.bias", f"{here}.bias"
    if layout.norm == "batch":
        for there, here in layout.norms:
            yield from ((f"{there}.{k}", f"{here}.{k}") for k in ("weight", "bias", *STATISTICS))


def _affine(weights: Weights, layout: Layout) -> dict[str, Tensor]:
    """Instance norm has weights here and none there: one and zero are the same as none. Residual nets have none."""
    if layout.norm != "instance" or layout.use.name.startswith("resnet"):
        return {}
    filled: dict[str, Tensor] = {}
    before = {here: weights[f"{there}.bias"] for there, here, has_bias in layout.convolutions if has_bias}
    for _, here in layout.norms:
        stem, _, index = here.rpartition(".")
        bias = before[f"{stem}.{int(index) - 1}"]
        filled |= {f"{here}.weight": torch.ones_like(bias), f"{here}.bias": torch.zeros_like(bias)}
    return filled
