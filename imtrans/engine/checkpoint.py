"""A trained model as one folder of safetensors and JSON that describes itself."""

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

import imtrans
from imtrans import fsio
from imtrans.catalog import Catalog
from imtrans.engine.build import Maker, Model, model
from imtrans.errors import CheckpointError, ConfigError, ImtransError, nearest
from imtrans.interfaces import Signal, Signals
from imtrans.resolve import restore

FORMAT = 1
RUNS = Path("runs")
WEIGHTS = "model.safetensors"
STATE = "state.json"
_STEP = re.compile(r"step-(\d+)")


def save(live: Model, run: Path, *, step: int, plugins: Mapping[str, Any]) -> Path:
    """Write `run`/step-NNNNNN whole or not at all, and give its path.

    The weights' metadata say everything that rebuilding needs: `translate` wants no other file and no flag.
    """
    final = run / f"step-{step:06}"
    state = dict(live.method.state_dict())
    tensors = {k: v for k, v in state.items() if isinstance(v, Tensor)}
    with fsio.staged_folder(final) as stage:
        save_file(_weights(live), stage / WEIGHTS, metadata={"imtrans": json.dumps(card(live, step, plugins))})
        if tensors:
            save_file({k: _kept(v) for k, v in tensors.items()}, stage / "method.safetensors")
        scalars = {k: v for k, v in state.items() if k not in tensors}
        (stage / STATE).write_text(json.dumps({"format": FORMAT, "step": step, "method": scalars}, indent=1))
    return final


def card(live: Model, step: int, plugins: Mapping[str, Any]) -> dict[str, Any]:
    """What the file tells about itself."""
    return {
        "format": FORMAT,
        "imtrans": imtrans.__version__,
        "step": step,
        "config": live.config.tree(),
        "signals": dataclasses.asdict(live.signals),
        "plugins": dict(plugins),
    }


def find(run: Path) -> Path:
    """The checkpoint meant by a run folder, a run's name, a checkpoint folder or its weights file.

    Of a run the newest whole one is taken. CheckpointError names what is wrong, and the runs there are.
    """
    place = next((p for p in (run, RUNS / run) if os.path.exists(p)), None)
    if place is None:
        raise _missing(run)
    if place.is_file():
        return _checked(place.parent) if place.name == WEIGHTS else _refused(place)
    if (place / WEIGHTS).exists() or _STEP.fullmatch(place.name):
        return _checked(place)
    steps = newest_first(place)
    for folder in steps:
        if not fsio.faults(folder):
            return folder
    if steps:
        raise _broken(steps[0], fsio.faults(steps[0])[0])
    raise CheckpointError(f"run {str(run)!r} holds no checkpoint", mend="Train it further, or name another run.")


def newest_first(run: Path) -> list[Path]:
    """The checkpoints of a run folder, by step; stray files are none."""
    numbered = [(int(m.group(1)), p) for p in run.iterdir() if p.is_dir() and (m := _STEP.fullmatch(p.name))]
    return [p for _, p in sorted(numbered, reverse=True)]


def load(folder: Path, *, catalog: Catalog, maker: Maker, device: torch.device) -> Model:
    """The model of a whole checkpoint folder, its weights checked for being finite and for fitting."""
    told = describe(folder)
    config = _config(catalog, told, folder)
    live = model(config, _signals(told["signals"]), maker=maker, device=device, seed=0)
    tensors = _tensors(folder / WEIGHTS)
    for name, network in live.networks.items():
        _fill(network, _under(tensors, name), folder=folder, name=name)
    for name, average in live.averages.items():
        _fill(average.module, _under(tensors, f"ema.{name}"), folder=folder, name=f"ema.{name}")
    state = json.loads((folder / STATE).read_text(encoding="utf-8"))["method"]
    kept = folder / "method.safetensors"
    live.method.load_state_dict(
        {**state, **({k: v.to(device) for k, v in _tensors(kept).items()} if kept.exists() else {})}
    )
    return live


def describe(folder: Path) -> dict[str, Any]:
    """The card in a checkpoint's metadata."""
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            told: dict[str, Any] = json.loads((file.metadata() or {})["imtrans"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise _broken(folder, f"{WEIGHTS} has no readable description ({error})") from None
    if told.get("format", 0) > FORMAT:
        raise CheckpointError(
            f"checkpoint {folder}: made by imtrans {told.get('imtrans')}, this is {imtrans.__version__}",
            mend="Upgrade: python -m pip install --upgrade imtrans",
        )
    return told


def _config(catalog: Catalog, told: Mapping[str, Any], folder: Path) -> Any:
    try:
        return restore(catalog, told["config"], origin="checkpoint")
    except ImtransError as error:
        needs = sorted({p["distribution"] for p in told["plugins"].values()} - {"imtrans"})
        mend = (
            f"It was trained with {', '.join(needs)}: python -m pip install {' '.join(needs)}" if needs else error.mend
        )
        kind = type(error) if not isinstance(error, ConfigError) else CheckpointError
        raise kind(f"checkpoint {folder}: {error.what}", mend=mend) from None


def _weights(live: Model) -> dict[str, Tensor]:
    found = {f"{name}.{k}": v for name, network in live.networks.items() for k, v in network.state_dict().items()}
    for name, average in live.averages.items():
        found |= {f"ema.{name}.{k}": v for k, v in average.module.state_dict().items()}
    return {k: _kept(v) for k, v in found.items()}


def _kept(tensor: Tensor) -> Tensor:
    """A copy of its own: safetensors refuses tensors that share memory."""
    return tensor.detach().cpu().clone().contiguous()


def _under(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}


def _fill(network: torch.nn.Module, tensors: Mapping[str, Tensor], *, folder: Path, name: str) -> None:
    own = network.state_dict()
    odd = sorted(set(own) ^ set(tensors)) or [k for k, v in own.items() if v.shape != tensors[k].shape]
    if odd:
        raise _broken(folder, f"{len(odd)} weights of {name} do not fit this version's network: {', '.join(odd[:3])}")
    network.load_state_dict(dict(tensors))


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise _broken(path.parent, f"{path.name} cannot be read ({error})") from None
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise _broken(path.parent, f"{name} holds values that are not finite")
    return tensors


def _signals(told: Mapping[str, Any]) -> Signals:
    extras = {k: Signal(**v) for k, v in told["extras"].items()}
    return Signals(source=Signal(**told["source"]), target=Signal(**told["target"]), extras=extras)


def _checked(folder: Path) -> Path:
    found = fsio.faults(folder)
    if found:
        raise _broken(folder, found[0])
    return folder


def _broken(folder: Path, fault: str) -> CheckpointError:
    others = (
        [p for p in newest_first(folder.parent) if p != folder and not fsio.faults(p)] if folder.parent.is_dir() else []
    )
    mend = f"The one before it is whole: {others[0]}" if others else "Train again, or take another copy of it."
    return CheckpointError(f"checkpoint {folder}: {fault}", mend=mend)


def _refused(file: Path) -> Path:
    if file.suffix in (".pt", ".pth", ".ckpt", ".bin", ".pkl"):
        raise CheckpointError(
            f"{file} is pickled and can run code when it is loaded", mend="Only safetensors are loaded."
        )
    raise CheckpointError(f"{file} is no run, checkpoint folder or {WEIGHTS}")


def _missing(run: Path) -> CheckpointError:
    known = sorted(p.name for p in RUNS.iterdir() if p.is_dir()) if RUNS.is_dir() else []
    there = f"The runs here: {', '.join(known[-5:])}" if known else "No run is here yet: imtrans run pix2pix makes one."
    return CheckpointError(f"no run or checkpoint {str(run)!r}{nearest(run.name, known)}", mend=there)
