"""From other programs' weights to a checkpoint of ours."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imtrans import configfile, fsio
from imtrans.catalog import Catalog
from imtrans.component import Component, Use
from imtrans.config import RunConfig
from imtrans.engine import apart, build, checkpoint, runfolder
from imtrans.engine.runs import RUNS
from imtrans.errors import CheckpointError, ConfigError, listed
from imtrans.interfaces import Imported, Part, Signal, Signals
from imtrans.layers import Assignment, Layer
from imtrans.resolve import resolve


@dataclass(frozen=True)
class Result:
    """The checkpoint that was made, and lines for people about what is in it."""

    checkpoint: Path
    lines: Sequence[str]


def bring(
    files: Sequence[Path],
    *,
    catalog: Catalog,
    plugins: Mapping[str, Any],
    name: str | None = None,
    layers: Sequence[Layer] = (),
) -> Result:
    """Read the files, find out by the installed importers what they are, and write a run with one checkpoint.

    CheckpointError for what is unsafe, broken, unknown or incomplete; ConfigError if the run's name is taken.
    """
    maker = build.Maker(catalog)
    folder = _free(files[0], name)
    found = _recognised({str(f): _read(f) for f in files}, catalog=catalog, maker=maker)
    config = _config(found, catalog, layers)
    signals = Signals(source=_signal(found.source), target=_signal(found.target))
    for slot, part in found.parts.items():
        _check(config, slot, part, signals=signals, maker=maker)
    live = build.model(config, signals, maker=maker, device=torch.device("cpu"), seed=0)
    for slot, part in found.parts.items():
        live.networks[slot].load_state_dict(dict(part.weights))
    made = checkpoint.save(live, folder, step=0, plugins=plugins)
    fsio.replace_text(folder / "config.toml", configfile.write(config))
    fsio.replace_json(folder / runfolder.RECORD, _record(folder, files))
    return Result(made, list(_lines(found, live)))


def _read(file: Path) -> dict[str, Tensor]:
    if file.suffix == ".safetensors":
        return checkpoint.read_tensors(file)
    return apart.read(file)


def _recognised(files: Mapping[str, Mapping[str, Tensor]], *, catalog: Catalog, maker: build.Maker) -> Imported:
    offers = list(catalog.offers("importer"))
    for offer in offers:
        assert isinstance(offer.thing, Component)
        found: Imported | None = maker.make("importer", Use(offer.name))(files)
        if found is not None:
            return found
    first = next(iter(files))
    raise CheckpointError(
        f"{first}: none of the importers ({listed(o.name for o in offers)}) knows these weights: "
        f"{listed(files[first], most=3)}",
        mend="A plugin can bring another importer: imtrans list importers",
    )


def _config(found: Imported, catalog: Catalog, layers: Sequence[Layer]) -> RunConfig:
    uses = [Assignment((slot,), part.use, f"import: {slot}") for slot, part in found.parts.items()]
    policy = [Assignment(("inference", k), v, f"import: inference.{k}") for k, v in found.inference.items()]
    mine = Layer("import", [*uses, *policy])
    return resolve(catalog, found.recipe, dataset=Use("folder"), layers=[mine, *layers])


def _check(config: RunConfig, slot: str, part: Part, *, signals: Signals, maker: build.Maker) -> None:
    """Compare names and shapes with a network that takes no memory: the file's numbers have not earned any yet."""
    with torch.device("meta"):
        own = maker.choice(config.parts[slot][0], signals=signals).state_dict()
    odd = sorted(set(own) ^ set(part.weights)) or [k for k, v in own.items() if v.shape != part.weights[k].shape]
    if odd:
        raise CheckpointError(
            f"{len(odd)} weights do not fit {slot} {config.parts[slot][0].name}: {', '.join(odd[:3])}",
            mend="The importer and the network differ: is a plugin older than imtrans?",
        )


def _free(file: Path, name: str | None) -> Path:
    if name is not None:
        folder = RUNS / runfolder.check_name(name)
        if folder.exists():
            raise ConfigError(f"--name {name}: {folder} exists", mend="Give another name.")
        return folder
    is_usual = re.fullmatch(r"(latest|\d+)_net_\w+", file.stem) and file.resolve().parent.name
    told = file.resolve().parent.name if is_usual else file.stem
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", told).strip("-._")[:80] or "imported"
    folder = runfolder.first_free(stem)
    runfolder.check_name(folder.name)
    return folder


def _signal(channels: int) -> Signal:
    return Signal(channels=channels, kind="image" if channels in (1, 3) else "data")


def _record(folder: Path, files: Sequence[Path]) -> dict[str, Any]:
    told = [{"file": str(f), "sha256": fsio.digest(f)} for f in files]
    return {
        "format": 1,
        "name": folder.name,
        "started": runfolder.now(),
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
