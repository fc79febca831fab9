"""Weights of pytorch-CycleGAN-and-pix2pix, recognised by the names and shapes of its state dicts.

Its networks are nested or flat sequences of numbered layers; the numbers tell kind, depth and norm.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from imtrans import ComponentRef
from imtrans.errors import CheckpointError
from imtrans.interfaces import Imported, ImportedNetwork

Weights = Mapping[str, Tensor]
NormKind = Literal["batch", "instance", "none"]
UNETS = {7: "unet128", 8: "unet256"}
FIELDS = {1: 16, 2: 34, 3: 70, 4: 142, 5: 286}
CHANGED = "It was changed, or another program's: ask for the file as training wrote it."
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A network of theirs: its component and options here, and each layer's name there with its name here.

    `convolutions` (with whether they have a bias) and `norms` go by layers, without ".weight". What feeds the layers
    `joined` is the encoder's output and then the decoder's there, and the other way round here.
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


class Port:
    """The importer: one generator, and its discriminator if it is given, too."""

    def __call__(self, files: Mapping[str, Weights]) -> Imported | None:
        plain = {name: without_prefix(weights) for name, weights in files.items()}
        layouts = {name: layout_of(weights) for name, weights in plain.items()}
        if not any(layouts.values()):
            return None
        known = {name: found for name, found in layouts.items() if found}
        strange = next((name for name in files if name not in known), None)
        if strange:
            raise CheckpointError(f"{strange}: is no network of pytorch-CycleGAN-and-pix2pix, as the other file is")
        slots = {found.slot: (name, found) for name, found in known.items()}
        if len(slots) < len(files):
            raise CheckpointError(f"{', '.join(files)}: two {known[next(iter(files))].slot}s; a run has one")
        if "generator" not in slots:
            name = next(iter(files))
            hint = f"Give the generator's file, too: imtrans import latest_net_G.pth {name}"
            raise CheckpointError(f"{name}: is a discriminator, which translates nothing alone", hint=hint)
        name, generator = slots["generator"]
        parts = {"generator": ImportedNetwork(generator.use, converted(plain[name], generator, name))}
        if "discriminator" in slots:
            parts["discriminator"] = _judge(*slots["discriminator"], plain, generator)
        notes = [f"{name}: {found.words}" for name, found in known.items()]
        return Imported(
            recipe="pix2pix",
            parts=parts,
            source=generator.source,
            target=generator.target,
            inference=generator.inference or {},
            notes=notes,
        )


def without_prefix(weights: Weights) -> dict[str, Tensor]:
    """The weights as a network alone names them, also where they were saved from several devices."""
    is_wrapped = all(k.startswith("module.") for k in weights)
    return {k.removeprefix("module.") if is_wrapped else k: v for k, v in weights.items()}


def layout_of(weights: Weights) -> Layout | None:
    """Which of their networks this is, by its names; None for anything else."""
    four = {k.removesuffix(".weight") for k, v in weights.items() if k.endswith(".weight") and v.dim() == 4}
    if {"model.model.0", "model.model.3"} <= four:
        return _unet(weights)
    if any(".conv_block." in k for k in four) and "model.1" in four:
        return _resnet(weights, four)
    if {"model.0", "model.2"} <= four:
        return _patchgan(weights, four)
    return None


def converted(weights: Weights, layout: Layout, name: str) -> dict[str, Tensor]:
    """The weights under the names of the component here. CheckpointError names what is missing or too many."""
    wanted = dict(_names(layout))
    # Before torch 0.4 instance norm kept statistics, and batch norm did not count its batches.
    ignored = {f"{there}.{s}" for there, _ in layout.norms for s in STATISTICS} if layout.norm == "instance" else set()
    made = {ours: weights[theirs] for theirs, ours in wanted.items() if theirs in weights}
    for there, here in layout.norms:
        if layout.norm == "batch" and f"{there}.weight" in weights:
            made.setdefault(f"{here}.num_batches_tracked", torch.tensor(0))
    missing = [t for t, ours in wanted.items() if ours not in made]
    extra = [k for k in weights if k not in wanted and k not in ignored]
    for keys, fault in ((missing, "lacks"), (extra, "has besides")):
        if keys:
            shown = ", ".join(keys[:3]) + (f", and {len(keys) - 3} more" if len(keys) > 3 else "")
            raise CheckpointError(f"{name}: is {layout.words}, but {fault} {len(keys)} weights: {shown}", hint=CHANGED)
    flat = [there for there, _, _ in layout.convolutions if weights[f"{there}.weight"].dim() != 4]
    if flat:
        raise CheckpointError(f"{name}: is {layout.words}, but {flat[0]}.weight is no kernel", hint=CHANGED)
    for there in layout.joined:
        made[wanted[f"{there}.weight"]] = torch.cat(weights[f"{there}.weight"].chunk(2)[::-1])
    return made | _affine(weights, layout)


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
    inner = norm == "instance"
    convolutions = [("model.model.0", "encoder.0.0", inner), ("model.model.3", "output.1", True)]
    joined, norms, place = ["model.model.3"], [], "model.model.1"
    for level in range(1, depth):
        is_last, up = level == depth - 1, f"decoder.{depth - 1 - level}"
        convolutions += [(f"{place}.model.1", f"encoder.{level}.1", inner)]
        convolutions += [(f"{place}.model.{3 if is_last else 5}", f"{up}.1", inner)]
        joined += [] if is_last else [f"{place}.model.5"]
        norms += [] if is_last else [(f"{place}.model.2", f"encoder.{level}.2")]
        norms += [(f"{place}.model.{4 if is_last else 6}", f"{up}.2")]
        place += ".model.3"
    options = {
        "depth": depth,
        "width": weights["model.model.0.weight"].shape[0],
        "norm": norm,
        "bias": "everywhere" if inner else "last",
        # There the innermost block has none, unlike in the authors' Torch code.
        "dropout_blocks": tuple(range(2, depth - 3)),
    }
    name = UNETS.get(depth, "unet256")
    return Layout(
        slot="generator",
        use=ComponentRef(name, options),
        words=f"a U-Net of {depth} halvings ({norm} norm)",
        convolutions=convolutions,
        norms=norms if norm != "none" else [],
        norm=norm,
        joined=joined,
        source=weights["model.model.0.weight"].shape[1],
        target=weights["model.model.3.weight"].shape[1],
        # What its test.py does without --eval.
        inference={"norm": "batch", "dropout": True},
    )


def _resnet(weights: Weights, four: set[str]) -> Layout | None:
    blocks = len({k for k in weights if re.fullmatch(r"model\.\d+\.conv_block\.1\.weight", k)})
    norm = _norm_kind(weights, "model.2", "model.1")
    has_dropout = "model.10.conv_block.6.weight" in weights and weights["model.10.conv_block.6.weight"].dim() == 4
    inner, second, up = norm == "instance", 6 if has_dropout else 5, 10 + blocks
    if f"model.{up + 7}" not in four:
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
                "bias": "everywhere" if inner else "no-norm",
                "dropout": 0.5 if has_dropout else 0.0,
            },
        ),
        words=f"a residual net of {blocks} blocks ({norm} norm)",
        convolutions=[*((there, here, inner) for there, here in pairs), (last, "last.0", True)],
        norms=[(_next(there), _next(here)) for there, here in pairs],
        norm=norm,
        source=weights["model.1.weight"].shape[1],
        target=weights[f"{last}.weight"].shape[0],
        inference={"norm": "batch", "dropout": has_dropout},
    )


def _patchgan(weights: Weights, four: set[str]) -> Layout | None:
    numbers = sorted(int(k.removeprefix("model.")) for k in four if re.fullmatch(r"model\.\d+", k))
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
        words=f"a PatchGAN of {layers} halvings ({norm} norm)",
        convolutions=[("model.0", "blocks.0.0", True), *inner, last],
        norms=[(f"model.{3 * i}", f"blocks.{i}.1") for i in range(1, layers + 1)],
        norm=norm,
        source=weights["model.0.weight"].shape[1],
    )


def _judge(name: str, judge: Layout, files: Mapping[str, Weights], generator: Layout) -> ImportedNetwork:
    seen, target = judge.source, generator.target
    if seen not in (target, generator.source + target):
        what = f"takes {seen} channels; the generator's source and target have {generator.source} and {target}"
        raise CheckpointError(f"{name}: {what}", hint="Give the two files of one training.")
    use = ComponentRef(judge.use.name, {**judge.use.options, "conditional": seen != target})
    return ImportedNetwork(use, converted(files[name], judge, name))


def _next(layer: str) -> str:
    """The layer after this one of the same sequence."""
    stem, _, index = layer.rpartition(".")
    return f"{stem}.{int(index) + 1}"
