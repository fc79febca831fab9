"""ONNX files."""

import contextlib
import io
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imtrans.errors import ConfigError, NotInstalledError, ResourceError
from imtrans.interfaces import ExportGraph, ExportRunner

LARGEST = 2**31 - 1  # bytes of one protobuf message
RANDOM = ("Dropout", "Bernoulli", "Multinomial", "RandomNormal", "RandomUniform")


class OnnxExporter:
    """Writes one .onnx file, and runs it in onnxruntime. NotInstalledError without the extra "export"."""

    def __init__(self, *, opset: int = 20) -> None:
        try:
            import onnx
            import onnxruntime
            import onnxscript  # noqa: F401 - torch's exporter needs it
        except ImportError as error:
            hint = 'python -m pip install "imtrans[export]"'
            raise NotInstalledError(f"exporter 'onnx': {error.name} is not installed", hint=hint) from None
        self.opset, self._onnx, self._runtime = opset, onnx, onnxruntime

    @property
    def runtime(self) -> str:
        """onnxruntime, with its default options."""
        return f"onnxruntime {self._runtime.__version__}, default session options, CPU"

    def export(self, graph: ExportGraph, path: Path) -> None:
        """Write the file; ResourceError for one that ONNX cannot hold."""
        model = self._converted(graph)
        _check_noise(model)
        self._describe(model, graph)
        if graph.dtype == "int8":
            from imtrans_export.quantized import quantized

            model = quantized(model)
        size = model.ByteSize()
        if size > LARGEST:
            raise ResourceError(
                f"{path.name}: {size / 1e9:.1f} GB, and one ONNX file holds at most 2 GB",
                hint="Export it as fp16 (--dtype fp16), or for torch (--to torch).",
            )
        path.write_bytes(model.SerializeToString())

    def load(self, path: Path) -> ExportRunner:
        """A session with the options that users have by default."""
        session = self._runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]

        def run(arrays: Mapping[str, Any]) -> dict[str, Any]:
            return dict(zip(names, session.run(names, dict(arrays)), strict=True))

        return run

    def _converted(self, graph: ExportGraph) -> Any:
        import torch

        with _quiet():
            program = torch.onnx.export(
                graph.program(),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                opset_version=self.opset,
                external_data=False,
                verbose=False,
                dynamo=True,
            )
        assert program is not None
        return program.model_proto

    def _describe(self, model: Any, graph: ExportGraph) -> None:
        """Names of axes that say what they can be, the metadata as one entry, and nothing of the machine."""
        size = f"{graph.stride}*" if graph.stride > 1 else ""
        axes = ["batch", f"{size}h", f"{size}w"]
        for value in (*model.graph.input, *model.graph.output):
            for dim, name in zip(value.type.tensor_type.shape.dim, axes, strict=False):
                dim.dim_param = name
            del value.metadata_props[:]
        # Between them are torch's own names of the axes, and in the nodes the paths of source files.
        del model.graph.value_info[:]
        for node in (*model.graph.node, *(n for function in model.functions for n in function.node)):
            del node.metadata_props[:]
            node.doc_string = ""
        del model.graph.metadata_props[:], model.metadata_props[:]
        # One entry: several are written in another order by each process.
        self._onnx.helper.set_model_props(model, {"imtrans": json.dumps(graph.metadata)})


def _check_noise(model: Any) -> None:
    """ConfigError for noise that no seed reaches: onnxruntime would drop it, or draw it anew in each call."""
    found = next((node.op_type for node in model.graph.node if node.op_type.removesuffix("Like") in RANDOM), None)
    if found:
        raise ConfigError(
            f"exporter 'onnx': the model draws noise of its own ({found}), which no seed would decide in the file",
            hint="Only the noise of dropout layers (torch.nn.Dropout) can be exported.",
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress and the deprecation warnings of torch and onnxscript."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
