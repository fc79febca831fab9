"""Programs of torch.export."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from imtrans.interfaces import ExportGraph, ExportRunner


class TorchExporter:
    """Writes a .pt2 file: `torch.export.load(path).module()` takes and gives what the graph does, for all its sizes.

    The metadata are JSON in the archive's extra file "imtrans".
    """

    @property
    def runtime(self) -> str:
        """torch itself."""
        return f"torch {torch.__version__}"

    def export(self, graph: ExportGraph, path: Path) -> None:
        """Write the file."""
        program = graph.program()
        for node in program.graph.nodes:  # the paths of source files on this machine
            node.meta.pop("stack_trace", None)
        torch.export.save(program, path, extra_files={"imtrans": json.dumps(graph.metadata)})

    def load(self, path: Path) -> ExportRunner:
        """The program as a function."""
        module = torch.export.load(path).module()

        def run(arrays: Mapping[str, Any]) -> dict[str, Any]:
            with torch.no_grad():
                outputs = module(**{name: torch.from_numpy(array) for name, array in arrays.items()})
            return dict(zip(("translation", "values"), (o.numpy() for o in outputs), strict=True))

        return run
