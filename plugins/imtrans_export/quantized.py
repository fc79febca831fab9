"""Weights of whole numbers of 8 bits."""

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LAYERS = ("Conv", "Gemm", "MatMul")


def quantized(model: Any) -> Any:
    """An ONNX model with dynamic quantisation: convolutions compute in 8 bits, with ranges from each batch.

    onnxruntime has no transposed convolution of whole numbers: those weights alone are stored in 8 bits. The
    conversions of stored values, which are no layers of the network, stay as they are.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, _without_advice():
        path = Path(folder, "int8.onnx")
        # onnxruntime's convolution of whole numbers takes no signed weights.
        options = {"weight_type": QuantType.QUInt8, "op_types_to_quantize": list(LAYERS)}
        quantize_dynamic(model, path, nodes_to_exclude=_outside(model), **options)
        loaded = onnx.load(path)
    _store_transposed(loaded)
    return loaded


def _outside(model: Any) -> list[str]:
    """The nodes of such types without weights of the network."""
    weights = {tensor.name for tensor in model.graph.initializer if tensor.name.startswith("networks.")}
    return [n.name for n in model.graph.node if n.op_type in LAYERS and not weights.intersection(n.input)]


def _store_transposed(model: Any) -> None:
    """The weights of transposed convolutions as int8 with a scale for each output channel."""
    from onnx import helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    names = [node.input[1] for node in model.graph.node if node.op_type == "ConvTranspose" and node.input[1] in tensors]
    for name in dict.fromkeys(names):
        weight = numpy_helper.to_array(tensors[name])  # (in, out, *kernel)
        scale = np.abs(weight).max(axis=(0, *range(2, weight.ndim)))
        scale = (np.where(scale > 0, scale, 1) / 127).astype(np.float32)
        whole = np.rint(weight / scale.reshape(1, -1, *[1] * (weight.ndim - 2))).astype(np.int8)
        model.graph.initializer.remove(tensors[name])
        stored = [numpy_helper.from_array(whole, f"{name}.int8"), numpy_helper.from_array(scale, f"{name}.scale")]
        model.graph.initializer.extend(stored)
        inputs = [tensor.name for tensor in stored]
        model.graph.node.insert(0, helper.make_node("DequantizeLinear", inputs, [name], axis=1))


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Without the log line that recommends what torch's exporter has done already."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
