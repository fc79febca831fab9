"""From other programs' weights to a checkpoint of ours."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imtrans import atomic_io
from imtrans.config import io as config_io
from imtrans.config.resolve import resolve
from imtrans.config.schema import RunConfig
from imtrans.config.sources import Assignment, Layer
from imtrans.engine import build
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.checkpoints.checkpoint_paths import RUNS
from imtrans.engine.importing import pickle_sandbox
from imtrans.engine.runs import run_dir
from imtrans.errors import CheckpointError, ConfigError, join_names
from imtrans.interfaces import DataSpec, ImageSpec, Imported, ImportedNetwork
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Component, ComponentRef
from imtrans.plugins.defaults import dataset_of_path


@dataclass(frozen=True)
class ImportResult:
    """The checkpoint that was made, and lines for people about what is in it."""

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
    """Read the files, find out by the installed importers what they are, and write a run with one checkpoint.

    CheckpointError for what is unsafe, broken, unknown or incomplete; ConfigError if the run's name is taken.
    """
    maker = build.ComponentFactory(catalog)
    folder = _free(files[0], name)
    found = _recognised({str(f): _read(f) for f in files}, catalog=catalog, maker=maker)
    config = _config(found, catalog, layers)
    data_spec = DataSpec(source=_signal(found.source), target=_signal(found.target))
    for slot, part in found.parts.items():
        _check(config, slot, part, data_spec=data_spec, maker=maker)
    live = build.model(config, data_spec, maker=maker, device=torch.device("cpu"), seed=0)
    for slot, part in found.parts.items():
        live.networks[slot].load_state_dict(dict(part.weights))
    made = checkpoints_io.save(live, folder, step=0, plugins=plugins)
    atomic_io.replace_text(folder / "config.toml", config_io.write(config))
    atomic_io.replace_json(folder / run_dir.RECORD, _record(folder, files))
    return ImportResult(made, list(_lines(found, live)))


def _read(file: Path) -> dict[str, Tensor]:
    if file.suffix == ".safetensors":
        return checkpoints_io.read_tensors(file)
    return pickle_sandbox.read(file)


def _recognised(
    files: Mapping[str, Mapping[str, Tensor]], *, catalog: Catalog, maker: build.ComponentFactory
) -> Imported:
    offers = list(catalog.entries("importer"))
    for offer in offers:
        assert isinstance(offer.thing, Component)
        found: Imported | None = maker.make("importer", ComponentRef(offer.name))(files)
        if found is not None:
            return found
    first = next(iter(files))
    raise CheckpointError(
        f"{first}: none of the importers ({join_names(o.name for o in offers)}) knows these weights: "
        f"{join_names(files[first], most=3)}",
        hint="A plugin can bring another importer: imtrans list importers",
    )


def _config(found: Imported, catalog: Catalog, layers: Sequence[Layer]) -> RunConfig:
    uses = [Assignment((slot,), part.use, f"import: {slot}") for slot, part in found.parts.items()]
    policy = [Assignment(("inference", k), v, f"import: inference.{k}") for k, v in found.inference.items()]
    mine = Layer("import", [*uses, *policy])
    return resolve(catalog, found.recipe, dataset=ComponentRef(dataset_of_path(catalog)[0]), layers=[mine, *layers])


def _check(
    config: RunConfig, slot: str, part: ImportedNetwork, *, data_spec: DataSpec, maker: build.ComponentFactory
) -> None:
    """Compare names and shapes with a network that takes no memory: the file's numbers have not earned any yet."""
    with torch.device("meta"):
        own = maker.from_resolved(config.parts[slot][0], data_spec=data_spec).state_dict()
    odd = sorted(set(own) ^ set(part.weights)) or [k for k, v in own.items() if v.shape != part.weights[k].shape]
    if odd:
        raise CheckpointError(
            f"{len(odd)} weights do not fit {slot} {config.parts[slot][0].name}: {', '.join(odd[:3])}",
            hint="The importer and the network differ: is a plugin older than imtrans?",
        )


def _free(file: Path, name: str | None) -> Path:
    if name is not None:
        folder = RUNS / run_dir.check_name(name)
        if folder.exists():
            raise ConfigError(f"--name {name}: {folder} exists", hint="Give another name.")
        return folder
    is_usual = re.fullmatch(r"(latest|\d+)_net_\w+", file.stem) and file.resolve().parent.name
    told = file.resolve().parent.name if is_usual else file.stem
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", told).strip("-._")[:80] or "imported"
    folder = run_dir.first_free(stem)
    run_dir.check_name(folder.name)
    return folder


def _signal(channels: int) -> ImageSpec:
    return ImageSpec(channels=channels, kind="image" if channels in (1, 3) else "data")


def _record(folder: Path, files: Sequence[Path]) -> dict[str, Any]:
    told = [{"file": str(f), "sha256": atomic_io.digest(f)} for f in files]
    return {
        "format": run_dir.FORMAT,
        "name": folder.name,
        "started": run_dir.now(),
        "status": "imported",
        "steps": 0,
        "from": told,
    }


def _lines(found: Imported, live: build.Model) -> list[str]:
    lines = []
    for slot, network in live.networks.items():
        count = sum(p.numel() for p in network.parameters())
        use = found.parts.get(slot)
        lines.append(f"{slot}: {use.use.name if use else 'none was given, a fresh one'}, {count:,} parameters")
    return [*lines, *found.notes]
