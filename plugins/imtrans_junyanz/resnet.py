"""The residual generators: one flat sequence, in which dropout and blurs shift the numbers of what follows."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from imtrans import ComponentRef
from imtrans_junyanz.layouts import Layout, NormKind, Weights, following, kernels, norm_kind

DOWN_ROW: tuple[float, ...] = (1.0, 2.0, 1.0)
UP_ROW: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)


class Numbers(NamedTuple):
    """The places in the sequence: of the convolutions that change the size, of the first block and the last layer."""

    down: tuple[int, int]
    blocks: range
    up: tuple[int, int]
    last: int
    has_dropout: bool
    blurs: Mapping[str, tuple[float, ...]]


def resnet(weights: Weights) -> Layout | None:
    """The layout of a residual net with any number of blocks; None where the last layer is not at its place."""
    numbers = _numbers(weights)
    if not numbers.blocks or f"model.{numbers.last}" not in kernels(weights):
        return None
    norm, has_dropout = norm_kind(weights, "model.2", "model.1"), numbers.has_dropout
    has_bias, pairs, last = norm == "instance", _pairs(numbers), f"model.{numbers.last}"
    return Layout(
        part="generator",
        use=ComponentRef("resnet6" if len(numbers.blocks) == 6 else "resnet9", _options(weights, numbers, norm)),
        words=f"a residual net of {len(numbers.blocks)} blocks ({norm} norm{_details(numbers)})",
        layers=[*((there, here, has_bias) for there, here in pairs), (last, "last.0", True)],
        norms=[(following(there), following(here)) for there, here in pairs],
        norm=norm,
        blurs=numbers.blurs,
        source=weights["model.1.weight"].shape[1],
        target=weights[f"{last}.weight"].shape[0],
        inference={"norm": "batch", "dropout": has_dropout},
    )


def _numbers(weights: Weights) -> Numbers:
    is_smooth_down = "model.7.filt" in weights
    first = 12 if is_smooth_down else 10
    named = re.compile(r"model\.(\d+)\.conv_block\.1\.weight")
    blocks = range(first, first + sum(bool(named.fullmatch(k)) for k in weights))
    # A blur comes before the convolution that follows on it: it takes the number that a transposed one would have.
    blur = int(f"model.{blocks.stop}.filt" in weights)
    ups = (blocks.stop + blur, blocks.stop + 3 + 2 * blur)
    second = weights.get(f"model.{first}.conv_block.6.weight")
    blurs = {f"model.{n}": DOWN_ROW for n in (7, 11) if is_smooth_down}
    blurs |= {f"model.{n - 1}": UP_ROW for n in ups if blur}
    return Numbers(
        down=(4, 8 if is_smooth_down else 7),
        blocks=blocks,
        up=ups,
        last=ups[1] + 4,
        has_dropout=second is not None and second.dim() == 4,
        blurs=blurs,
    )


def _pairs(numbers: Numbers) -> list[tuple[str, str]]:
    """The names there and here of all convolutions but the last."""
    second = 6 if numbers.has_dropout else 5
    pairs = [("model.1", "first.0"), *((f"model.{n}", f"down.{i}.0") for i, n in enumerate(numbers.down))]
    for i, n in enumerate(numbers.blocks):
        pairs += [(f"model.{n}.conv_block.1", f"blocks.{i}.0")]
        pairs += [(f"model.{n}.conv_block.{second}", f"blocks.{i}.{second - 2}")]
    return [*pairs, *((f"model.{n}", f"up.{i}.0") for i, n in enumerate(numbers.up))]


def _options(weights: Weights, numbers: Numbers, norm: NormKind) -> dict[str, Any]:
    return {
        "blocks": len(numbers.blocks),
        "width": weights["model.1.weight"].shape[0],
        "downs": 2,  # the authors have no other number
        "norm": norm,
        "bias": "everywhere" if norm == "instance" else "no-norm",
        "dropout": 0.5 if numbers.has_dropout else 0.0,
        "antialias": bool(numbers.blurs),
        "antialias_stages": _stages(numbers) or "both",
    }


def _stages(numbers: Numbers) -> str:
    """Where it blurs: "both", "down", "up", or nothing."""
    rows = set(numbers.blurs.values())
    return "both" if len(rows) == 2 else "".join({DOWN_ROW: "down", UP_ROW: "up"}[row] for row in rows)


def _details(numbers: Numbers) -> str:
    words = {"both": ", smooth sampling", "down": ", smooth downsampling", "up": ", smooth upsampling", "": ""}
    return words[_stages(numbers)] + (", dropout" if numbers.has_dropout else "")
