"""Weights of other programs as a run with one checkpoint."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imtrans import atomic_io
from imtrans.config import io as config_io
from imtrans.config.dataset_argument import needs_pairs
from imtrans.config.resolve import resolve
from imtrans.config.schema import RunConfig
from imtrans.config.sources import Assignment, Layer
from imtrans.engine import build
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.checkpoints import required_plugins
from imtrans.engine.importing import pickle_sandbox
from imtrans.engine.importing.weight_files import STATE, weight_files
from imtrans.engine.runs import run_dir
from imtrans.errors import CheckpointError, join_names
from imtrans.interfaces import DataSpec, ImageSpec, Imported
from imtrans.kit.state_dict import without_wrappers
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Component, ComponentRef
from imtrans.plugins.defaults import dataset_of_path


@dataclass(frozen=True)
class ImportResult:
    """The path of the new checkpoint, and lines of text that describe its content."""

    checkpoint: Path
    lines: Sequence[str]


def import_run(
    files: Sequence[Path],
    *,
    catalog: Catalog,
    plugins: Mapping[str, Any],
    name: str | None = None,
    layers: Sequence[Layer] = (),
) -> ImportResult:
    """Read the files, let the installed importers recognise them, and write a run with one checkpoint.

    A folder stands for the latest weights in it. `layers` override the configuration that the importer suggests.
    CheckpointError for files that are unsafe, broken, unknown or incomplete; ConfigError if the run's name is taken.
    """
    factory = build.ComponentFactory(catalog)
    files = [file for path in files for file in weight_files(path)]
    folder = _new_folder(files[0], name)
    imported = _recognise({str(f): _read(f) for f in files}, catalog=catalog, factory=factory)
    config = _config(imported, catalog, layers)
    data_spec = DataSpec(source=_image_spec(imported.source), target=_image_spec(imported.target))
    _check(imported, config, data_spec=data_spec, factory=factory)
    # The seed matters only for a network that is not in the files, such as the discriminator.
    model = build.model(config, data_spec, factory=factory, device=torch.device("cpu"), seed=0)
    for slot, part in imported.parts.items():
        model.networks[slot].load_state_dict(dict(part.weights))
    model = replace(model, untrained=sorted(set(model.networks) - set(imported.parts)))
    checkpoint = checkpoints_io.save(model, folder, step=0, plugins=required_plugins.record(config, plugins, catalog))
    atomic_io.replace_text(folder / "config.toml", config_io.write(config))
    atomic_io.replace_json(folder / run_dir.RECORD, _record(folder, files))
    return ImportResult(checkpoint, _lines(imported, model))


def _read(file: Path) -> dict[str, Tensor]:
    read = checkpoints_io.read_tensors if file.suffix == ".safetensors" else pickle_sandbox.read
    return without_wrappers(read(file))


def _recognise(
    files: Mapping[str, Mapping[str, Tensor]], *, catalog: Catalog, factory: build.ComponentFactory
) -> Imported:
    entries = list(catalog.entries("importer"))
    for entry in entries:
        assert isinstance(entry.thing, Component)
        imported: Imported | None = factory.make("importer", ComponentRef(entry.name))(files)
        if imported is not None:
            return imported
    first = next(iter(files))
    raise CheckpointError(
        f"{first}: none of the importers ({join_names(e.name for e in entries)}) knows these weights: "
        f"{join_names(files[first], most=3)}",
        hint="A plugin can add an importer: imtrans list importers",
    )


def _config(imported: Imported, catalog: Catalog, layers: Sequence[Layer]) -> RunConfig:
    parts = [Assignment((slot,), part.use, f"import: {slot}") for slot, part in imported.parts.items()]
    policy = [Assignment(("inference", k), v, f"import: inference.{k}") for k, v in imported.inference.items()]
    others = [Assignment.of(k, v, f"import: {k}") for k, v in imported.settings.items()]
    # The data are unknown; the data set of folders is a placeholder, so that the configuration is complete.
    is_paired = needs_pairs(catalog, imported.recipe)
    dataset = ComponentRef(dataset_of_path(catalog, is_paired=is_paired)[0])
    return resolve(
        catalog, imported.recipe, dataset=dataset, layers=[Layer("import", [*parts, *policy, *others]), *layers]
    )


def _check(imported: Imported, config: RunConfig, *, data_spec: DataSpec, factory: build.ComponentFactory) -> None:
    """Compare names and shapes with those of the networks, built without memory: a file may claim any size."""
    device = torch.device("meta")
    with device:
        model = build.model(config, data_spec, factory=factory, device=device, seed=0, purpose="translate")
    for slot, part in imported.parts.items():
        state = model.networks[slot].state_dict()
        misfits = sorted(set(state) ^ set(part.weights)) or [
            k for k, v in state.items() if v.shape != part.weights[k].shape
        ]
        if misfits:
            raise CheckpointError(
                f"{len(misfits)} weights do not fit {slot} {config.parts[slot][0].name}: {', '.join(misfits[:3])}",
                hint="The importer and the network differ: is a plugin older than imtrans?",
            )


def _new_folder(file: Path, name: str | None) -> Path:
    if name is not None:
        return run_dir.named_folder(name)
    # junyanz' programs call every file latest_net_G.pth; there the folder has the name of the experiment.
    parent = file.resolve().parent.name
    label = parent if parent and STATE.fullmatch(file.stem) else file.stem
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-._")[:80] or "imported"
    folder = run_dir.first_free(stem)
    run_dir.check_name(folder.name)
    return folder


def _image_spec(channels: int) -> ImageSpec:
    return ImageSpec(channels=channels, kind="image" if channels in (1, 3) else "data")


def _record(folder: Path, files: Sequence[Path]) -> dict[str, Any]:
    sources = [{"file": str(f), "sha256": atomic_io.digest(f)} for f in files]
    return {
        "format": run_dir.FORMAT,
        "name": folder.name,
        "started": run_dir.now(),
        "status": "imported",
        "steps": 0,
        "from": sources,
    }


def _lines(imported: Imported, model: build.Model) -> list[str]:
    lines = []
    for slot, network in model.networks.items():
        count = sum(p.numel() for p in network.parameters())
        part = imported.parts.get(slot)
        lines.append(
            f"{slot}: {part.use.name if part else 'not in the files, newly initialised'}, {count:,} parameters"
        )
    return [*lines, *imported.notes]
