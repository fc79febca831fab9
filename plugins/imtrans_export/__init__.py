"""Files of trained models for other programs and for browsers: ONNX, programs of torch.export, web pages."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, ExporterInfo, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class OnnxOptions:
    """Options of onnx."""

    opset: int = option(20, "version of the ONNX operators", low=18)


@dataclass(frozen=True, kw_only=True)
class WebOptions:
    """Options of web."""

    webgpu: bool = option(False, "use the visitor's GPU where that is faster; the page is 4 MB larger")
    runtime: str = option("", "folder with the files of onnxruntime-web; empty: the cache")


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """The exporters."""
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
    yield Component(
        kind="exporter",
        name="web",
        target="imtrans_export.web_page:WebExporter",
        summary="one .html file: a page to draw on, which runs the model in the visitor's browser, also offline",
        options=WebOptions,
        info=ExporterInfo(suffix=".html", dtypes={"fp32": 1e-3, "fp16": 0.05}),
        needs_context=True,
    )
