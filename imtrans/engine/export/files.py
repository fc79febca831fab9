"""Exported files: written, compared with the model, and left behind only if they do what it does."""

import dataclasses
import functools
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from imtrans import atomic_io
from imtrans.engine.build import ComponentFactory, Model
from imtrans.engine.export.graph import export_graph
from imtrans.engine.export.parity import Parity, parity
from imtrans.engine.export.pictures import Pictures, pictures_for
from imtrans.engine.export.speed import milliseconds
from imtrans.engine.inference.forward import inference_mode, translate
from imtrans.errors import ConfigError, PluginError, ResourceError, join_names
from imtrans.interfaces import Exporter, ExportGraph
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Component, ComponentRef
from imtrans.plugins.discovery import discover

if TYPE_CHECKING:
    from imtrans.engine.inference.translator import Translator


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportedFile:
    """A file that an exporter wrote, and how it compares with its model; `ms` a picture, if it was measured."""

    path: Path
    exporter: str
    bytes: int
    bound: float
    runtime: str
    pictures: str
    parity: Parity
    graph: ExportGraph
    ms: float | None = None

    def record(self) -> dict[str, Any]:
        """The parity report, for JSON."""
        fields = {k: getattr(self, k) for k in ("exporter", "bytes", "bound", "runtime", "pictures", "ms")}
        dropout = "off in the file and in torch" if "seed" in self.graph.inputs else "none in the inference policy"
        sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest() if self.path.exists() else None
        described = {"file": self.path.name, "sha256": sha256, "dropout": dropout}
        return {**described, **fields, "parity": dataclasses.asdict(self.parity), "model": dict(self.graph.metadata)}


class Exports:
    """The exported files of one model.

    `run` is the folder with the records of its data, `about` what the files' metadata say of it besides. `page` gives
    what a page shows of it; with `is_offline` nothing may be fetched.
    """

    def __init__(
        self,
        model: Model,
        *,
        catalog: Catalog,
        run: Path | None = None,
        about: Mapping[str, Any] | None = None,
        page: Callable[[bool], Mapping[str, Any]] | None = None,
        is_offline: bool = False,
    ) -> None:
        self.model, self.catalog, self.about = model, catalog, about
        self._page, self._is_offline = page, is_offline
        self._run = run
        self._pictures: Pictures | None = None
        self._graphs: dict[str, ExportGraph] = {}

    @property
    def pictures(self) -> Pictures:
        """On what files are compared with the model."""
        self._pictures = self._pictures or pictures_for(self.model, self._run)
        return self._pictures

    def write(self, exporter: ComponentRef, path: Path, *, dtype: str = "fp32", is_timed: bool = False) -> ExportedFile:
        """Write and compare one file; beside it its parity report, `path`.json.

        Nothing is left behind by an error: ConfigError for a type or a model that the exporter does not know,
        PluginError for a file that differs by more than the exporter's bound.
        """
        component = self.catalog.component("exporter", exporter.name)
        bound = bound_of(component, dtype)
        maker: Exporter = ComponentFactory(self.catalog).make("exporter", exporter)
        part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = self._written(maker, exporter.name, part, dtype=dtype, bound=bound, is_timed=is_timed)
            if faults := file.parity.faults(bound):
                raise PluginError(
                    f"exporter {exporter.name!r}, {dtype}: the file is not the model: {'; '.join(faults)} "
                    f"(bound {bound:g}); it was removed",
                    hint="Export it as fp32, or tell the exporter's authors." if dtype != "fp32" else "",
                )
            os.replace(part, path)
        except OSError as error:
            raise ResourceError(f"{path}: {error.strerror or error}") from None
        finally:
            part.unlink(missing_ok=True)
        placed = dataclasses.replace(file, path=path)
        atomic_io.replace_json(path.with_name(f"{path.name}.json"), placed.record())
        return placed

    def ms_of_model(self) -> float:
        """Milliseconds a picture in torch, as `imtrans translate` runs it."""
        shape = self.pictures.arrays[0].shape
        source = torch.zeros(1, self.model.data_spec.source.num_channels, *shape[:2], device=self.model.device)
        with inference_mode(self.model, seed=0):
            return milliseconds(lambda: translate(self.model, source))

    def _written(
        self, maker: Exporter, name: str, path: Path, *, dtype: str, bound: float, is_timed: bool
    ) -> ExportedFile:
        key = "fp16" if dtype == "fp16" else ""  # the module of all other types is the same
        if key not in self._graphs:
            self._graphs[key] = export_graph(self.model, dtype=dtype, about=self.about)
        graph = self._graphs[key]
        page = functools.partial(self._page, graph.metadata["noise"]) if self._page else None
        metadata = {**graph.metadata, "dtype": dtype}
        graph = dataclasses.replace(graph, dtype=dtype, metadata=metadata, page=page, is_offline=self._is_offline)
        maker.export(graph, path)
        run = maker.load(path)
        inputs = {"picture": self.pictures.arrays[0][None], "seed": graph.inputs["picture"].new_zeros(1).int().numpy()}
        inputs = {k: v for k, v in inputs.items() if k in graph.inputs}
        return ExportedFile(
            path=path,
            exporter=name,
            bytes=path.stat().st_size,
            bound=bound,
            runtime=maker.runtime,
            pictures=self.pictures.origin,
            parity=parity(self.model, graph, run, self.pictures),
            graph=graph,
            ms=milliseconds(lambda: run(inputs)) if is_timed else None,
        )


def bound_of(component: Component, dtype: str) -> float:
    """The largest difference that an exporter's files of this type may have. ConfigError for a type it lacks."""
    dtypes: Mapping[str, float] = component.info.dtypes
    if dtype not in dtypes:
        raise ConfigError(f"exporter {component.name!r} has no type {dtype!r}; it has {join_names(dtypes)}")
    return dtypes[dtype]


def export_bytes(
    translator: "Translator", exporter: str, *, dtype: str = "fp32", catalog: Catalog | None = None
) -> bytes:
    """The content of an exported file of a loaded model, compared with the model as `Exports.write` does."""
    exports = Exports(translator.model, catalog=catalog or Catalog(discover().records))
    suffix = exports.catalog.component("exporter", exporter).info.suffix
    with tempfile.TemporaryDirectory() as folder:
        return exports.write(ComponentRef(exporter), Path(folder, f"model{suffix}"), dtype=dtype).path.read_bytes()
