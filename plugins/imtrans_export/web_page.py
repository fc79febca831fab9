"""A model as one HTML file, which runs it in the visitor's browser."""

import base64
import gzip
import json
import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import Context, Exporter, ExportGraph, ExportRunner
from imtrans.kit.model_page.page import STATIC, model_page
from imtrans.plugins.component import ComponentRef
from imtrans_export.web_runtime import NOTICE, VERSION, WASM, WEBGPU, runtime_files


class WebExporter:
    """Writes a page with the ONNX file of the model and onnxruntime-web in it, and runs that file in onnxruntime."""

    def __init__(self, *, webgpu: bool, runtime: str, context: Context) -> None:
        self._onnx: Exporter = context.make("exporter", ComponentRef("onnx"))
        self._pair, self._folder = WEBGPU if webgpu else WASM, Path(runtime) if runtime else None
        self._seconds = 0.0

    @property
    def runtime(self) -> str:
        """What runs the model, and how long a visitor waits."""
        first = f"started and a first picture made in {self._seconds:.1f} s" if self._seconds else ""
        return "; ".join(filter(None, (self._onnx.runtime, first, f"in the page onnxruntime-web {VERSION}")))

    def export(self, graph: ExportGraph, path: Path) -> None:
        """Write the page. ConfigError for a model whose pictures a page cannot show."""
        if not graph.page:
            raise ConfigError("exporter 'web': this model cannot be shown on a page")
        page = graph.page()
        facts = {**page["facts"], "Runs on": f"ONNX Runtime Web {VERSION} (Microsoft, MIT License)"}
        about = {**page, "facts": facts, "graph": _graph_facts(graph), "webgpu": self._pair is WEBGPU}
        files = runtime_files(self._pair, folder=self._folder, is_offline=graph.is_offline)
        with tempfile.TemporaryDirectory() as folder:
            onnx = Path(folder) / "model.onnx"
            self._onnx.export(graph, onnx)
            files["onnx"] = onnx.read_bytes()
        files["worker"] = (STATIC / "onnx_worker.js").read_bytes()
        # mtime: the same page has the same bytes each time.
        packed = {name: gzip.compress(content, 9, mtime=0) for name, content in files.items()}
        path.write_text(model_page(about, backend="onnx", attachments=packed).html + NOTICE, encoding="utf-8")

    def load(self, path: Path) -> ExportRunner:
        """The model that is in the page, in onnxruntime."""
        text = path.read_text(encoding="utf-8")
        about = json.loads(_embedded(text, "model"))
        with tempfile.TemporaryDirectory() as folder:
            onnx = Path(folder) / "model.onnx"
            onnx.write_bytes(gzip.decompress(base64.b64decode(_embedded(text, "file-onnx"))))
            begin = time.perf_counter()
            run = self._onnx.load(onnx)
        run(_first_picture(about))
        self._seconds = time.perf_counter() - begin
        return run


def _embedded(page: str, name: str) -> str:
    found = re.search(rf'<script [^>]*id="{name}">([^<]*)</script>', page)
    if not found:
        raise DataError("the page holds no model")
    return found[1]


def _first_picture(about: Mapping[str, Any]) -> "dict[str, np.ndarray[Any, Any]]":
    """An empty picture of about the size of training, as the graph takes it."""
    graph, stride = about["graph"], about["graph"]["stride"]
    height, width = (-(-side // stride) * stride for side in about["size"])
    picture = np.zeros((1, height, width, graph["input"]["channels"]), graph["input"]["dtype"])
    return {"picture": picture, **({"seed": np.zeros(1, np.int32)} if graph["noise"] else {})}


def _graph_facts(graph: ExportGraph) -> dict[str, Any]:
    """What the page must know of the graph's inputs and outputs."""
    source, target = graph.metadata["source"], graph.metadata["target"]
    return {
        "stride": graph.stride,
        "noise": graph.metadata["noise"],
        "input": source["input"],
        "output": target["output"],
    }
