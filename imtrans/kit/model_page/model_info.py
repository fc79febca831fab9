"""What the page's scripts and its text know of a model."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from imtrans.errors import ConfigError
from imtrans.interfaces import DataSpec, ImageSpec, Sample
from imtrans.kit.model_page.brushes import kit_for

if TYPE_CHECKING:
    from imtrans.kit.images import Array

MAX_EXAMPLES, MAX_EXAMPLE_SIDE = 6, 512
SPEC_FIELDS = ("kind", "channels", "low", "high", "bits", "classes", "values", "space")


def model_info(
    *,
    name: str,
    data_spec: DataSpec,
    size: Sequence[int],
    samples: Sequence[Sample],
    has_noise: bool,
    source_half: str,
    facts: Mapping[str, str],
    terms: str,
) -> dict[str, Any]:
    """Everything that the page of a model shows and needs, as plain values.

    `samples` are examples of the run. ConfigError for a model whose pictures nobody can draw or see.
    """
    check_drawable(data_spec)
    sources = [sample.source for sample in samples]
    kit = kit_for(data_spec.source, sources)
    return {
        "name": name,
        "size": [size[0], size[-1]],
        "tool": kit.tool,
        "brushes": [asdict(brush) for brush in kit.brushes],
        "paper": kit.paper,
        "examples": [{"name": s.key, "uri": _uri(s.source)} for s in samples[:MAX_EXAMPLES]],
        "source": _fields(data_spec.source),
        "target": {**_fields(data_spec.target), "colors": _colors(data_spec.target)},
        "hasNoise": has_noise,
        "half": {"aspect": 2 * data_spec.half_aspect, "side": source_half} if data_spec.half_aspect else None,
        "facts": dict(facts),
        "terms": terms,
    }


def check_drawable(data_spec: DataSpec) -> None:
    """ConfigError if a side is no picture that a browser shows."""
    for side, spec in (("source", data_spec.source), ("target", data_spec.target)):
        channels = 3 if spec.space else spec.channels
        if spec.kind == "data" or (spec.kind == "image" and channels not in (1, 3)):
            what = f"data of {channels} channels" if spec.kind == "data" else f"{channels} channels"
            raise ConfigError(f"a page shows pictures of 1 or 3 channels; this model's {side} has {what}")


def _fields(spec: ImageSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in SPEC_FIELDS}


def _colors(spec: ImageSpec) -> list[list[int]]:
    from imtrans.kit.images.convert import class_colors

    return [list(color) for color in class_colors(spec)] if spec.kind == "labels" else []


def _uri(picture: "Array") -> str:
    """A PNG, without loss: a label map must keep its colours."""
    import numpy as np
    from PIL import Image

    image, content = Image.fromarray(np.ascontiguousarray(picture)), io.BytesIO()
    factor = MAX_EXAMPLE_SIDE / max(image.size)
    if factor < 1:
        image = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.NEAREST)
    image.save(content, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
