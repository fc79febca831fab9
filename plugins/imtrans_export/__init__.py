"""Files of trained models for other programs: ONNX, and programs of torch.export."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, ExporterInfo, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class OnnxOptions:
    """Options of onnx."""

    opset: int = option(20, "version of the ONNX operators", low=18)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Two exporters."""
    yield Component(
        kind="exporter",
        name="onnx",
        target="imtrans_export.onnx_file:OnnxExporter",
        summary="one .onnx file for onnxruntime, also in a browser",
        options=OnnxOptions,
        # Whole numbers of 8 bits differ by this much from what they stand for, layer after layer.
        info=ExporterInfo(suffix=".onnx", dtypes={"fp32": 1e-3, "fp16": 0.05, "int8": 0.5}),
    )
    yield Component(
        kind="exporter",
        name="torch",
        target="imtrans_export.torch_program:TorchExporter",
        summary="one .pt2 file: a torch.export program, which needs torch and nothing of imtrans",
        info=ExporterInfo(suffix=".pt2", dtypes={"fp32": 1e-3, "fp16": 0.05}),
    )
