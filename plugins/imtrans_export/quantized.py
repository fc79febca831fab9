"""Weights of whole numbers of 8 bits."""

import tempfile
from pathlib import Path
from typing import Any

LAYERS = ("Conv", "Gemm", "MatMul")


def quantized(model: Any) -> Any:
    """An ONNX model with dynamic quantisation: convolutions compute in 8 bits, with ranges from each picture.

    Transposed convolutions stay as they are: onnxruntime has none of whole numbers. So do the conversions of stored
    values, which are no layers of the network.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "int8.onnx")
        # onnxruntime's convolution of whole numbers takes no signed weights.
        options = {"weight_type": QuantType.QUInt8, "op_types_to_quantize": list(LAYERS)}
        quantize_dynamic(model, path, nodes_to_exclude=_outside(model), **options)
        return onnx.load(path)


def _outside(model: Any) -> list[str]:
    """The nodes of such types without weights of the network."""
    weights = {tensor.name for tensor in model.graph.initializer if tensor.name.startswith("networks.")}
    return [n.name for n in model.graph.node if n.op_type in LAYERS and not weights.intersection(n.input)]
