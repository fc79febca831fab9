"""A trained model, and all that training it goes on with, as one folder of safetensors and JSON."""

import contextlib
import dataclasses
import errno
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

import imtrans
from imtrans import atomic_io
from imtrans.config.resolve import restore
from imtrans.engine.build import ComponentFactory, Model, model
from imtrans.engine.checkpoints.checkpoint_paths import (
    OPTIMIZER,
    WEIGHTS,
    broken,
    folder_of_file,
    naming_checkpoint,
    weights_file,
)
from imtrans.engine.checkpoints.serialization import moved, pack, unpack
from imtrans.errors import CheckpointError, ConfigError, ImtransError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.plugins.catalog import Catalog

FORMAT = 3  # 2: some options had other names (`former` in imtrans.plugins.options)
STATE, _RANK = "state.json", "rank-{}.safetensors"


def save(
    live: Model,
    run: Path,
    *,
    step: int,
    plugins: Mapping[str, Any],
    progress: Mapping[str, Any] | None = None,
    shared: Any = None,
    ranks: Sequence[Any] = (),
) -> Path:
    """Write `run`/step-NNNNNN whole or not at all, and give its path.

    The weights' metadata say everything that rebuilding needs: `translate` wants no other file and no flag. `progress`,
    `shared` and each rank's own state are what resuming needs besides (`imtrans.engine.checkpoints.state`).
    """
    final = run / f"step-{step:06}"
    tree, moments = pack(shared, "shared")
    own = [pack(told, f"rank-{rank:03}") for rank, told in enumerate(ranks)]
    known = {"format": FORMAT, "step": step, "progress": progress, "shared": tree, "ranks": [told for told, _ in own]}
    text = json.dumps(known, indent=1)
    with atomic_io.staged_folder(final) as stage:
        metadata = {"imtrans": json.dumps(metadata_of(live, step, plugins))}
        _write(stage / WEIGHTS, weights(live), metadata)
        if moments:
            _write(stage / OPTIMIZER, moments)
        for rank, (_, tensors) in enumerate(own):
            _write(stage / _RANK.format(f"{rank:03}"), tensors)
        atomic_io.write_file(stage / STATE, lambda path: path.write_text(text, encoding="utf-8"))
    return final


def metadata_of(live: Model, step: int, plugins: Mapping[str, Any]) -> dict[str, Any]:
    """What the file tells about itself."""
    return {
        "format": FORMAT,
        "imtrans": imtrans.__version__,
        "step": step,
        "config": live.config.tree(),
        "signals": dataclasses.asdict(live.data_spec),
        "plugins": dict(plugins),
    }


def load(folder: Path, *, catalog: Catalog, maker: ComponentFactory, device: torch.device) -> Model:
    """The model of a whole checkpoint folder, its weights checked for being finite and for fitting.

    `folder` can also be a weights' file that was copied alone: what the method keeps for training is then not there.
    """
    told = read_metadata(folder)
    config = _config(catalog, told, folder)
    live = model(config, _signals(told, folder), maker=maker, device=device, seed=0)
    restore_weights(live, folder)
    kept = {} if folder.is_file() else _first_rank(folder)
    if kept:
        live.method.load_state_dict(moved(kept.get("method", {}), device))
    return live


def restore_weights(live: Model, folder: Path) -> None:
    """Fill the networks, and their moving averages, with a checkpoint's weights."""
    tensors = read_tensors(weights_file(folder))
    for name, network in live.networks.items():
        _fill(network, with_prefix(tensors, name), folder=folder, name=name)
    for name, average in live.averages.items():
        _fill(average.module, with_prefix(tensors, f"ema.{name}"), folder=folder, name=f"ema.{name}")


def progress(folder: Path) -> dict[str, Any]:
    """How far the run of a checkpoint was. CheckpointError if it cannot be gone on with."""
    try:
        told: dict[str, Any] | None = json.loads((folder / STATE).read_text(encoding="utf-8"))["progress"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise broken(folder, f"{STATE} has no readable progress ({error})") from None
    if told is None:
        raise CheckpointError(
            f"checkpoint {folder} holds a model alone, nothing to go on with",
            hint="Start a new run with its weights: --set train.init=PATH",
        )
    return told


def state(folder: Path, *, device: torch.device) -> dict[str, Any]:
    """What a checkpoint holds for resuming: progress, shared and ranks, tensors on `device`."""
    with _read_state(folder) as told:
        own = _tensors(sorted(folder.glob(_RANK.format("*"))))
        shared = unpack(told["shared"], moved(_tensors([folder / OPTIMIZER]), device))
        return {**told, "shared": shared, "ranks": [unpack(tree, own) for tree in told["ranks"]]}


def read_metadata(folder: Path) -> dict[str, Any]:
    """The card in the metadata of a checkpoint folder's weights, or of a weights' file that was copied alone."""
    try:
        with safe_open(weights_file(folder), framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
        if folder.is_file() and "imtrans" not in metadata:
            raise CheckpointError(
                f"{folder} is no model of imtrans: nothing in it says which networks its weights are of",
                hint=f"Bring it in, if an importer knows it: imtrans import {folder}",
            )
        told: dict[str, Any] = json.loads(metadata["imtrans"])
        made, by = int(told["format"]), str(told["imtrans"])
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise broken(folder, f"{weights_file(folder).name} has no readable description ({error})") from None
    if made > FORMAT:
        raise CheckpointError(
            f"checkpoint {folder}: made by imtrans {by}, this is {imtrans.__version__}",
            hint="Upgrade: python -m pip install --upgrade imtrans",
        )
    return told


def weights(live: Model) -> dict[str, Tensor]:
    """Every weight and buffer of the networks, and of their moving averages, by name."""
    found = {f"{name}.{k}": v for name, network in live.networks.items() for k, v in network.state_dict().items()}
    for name, average in live.averages.items():
        found |= {f"ema.{name}.{k}": v for k, v in average.module.state_dict().items()}
    return found


def with_prefix(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `name` and a dot, without it."""
    return {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. CheckpointError names what cannot be read or is not finite."""
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise broken(folder_of_file(path), f"{path.name} cannot be read ({error})") from None
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise broken(folder_of_file(path), f"{name} holds values that are not finite")
    return tensors


def _first_rank(folder: Path) -> dict[str, Any]:
    """The first device's own state, where there is any: what translating needs of it all, which is not the moments of
    the optimisers."""
    with _read_state(folder) as told:
        found: list[dict[str, Any]] = [
            unpack(tree, _tensors([folder / _RANK.format("000")])) for tree in told["ranks"][:1]
        ]
        return found[0] if found else {}


@contextlib.contextmanager
def _read_state(folder: Path) -> Iterator[dict[str, Any]]:
    """What state.json tells; in the block, whatever cannot be made of it is an error that names the checkpoint."""
    try:
        yield json.loads((folder / STATE).read_text(encoding="utf-8"))
    except KeyError as error:
        raise broken(folder, f"{STATE} lacks {error}") from None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise broken(folder, f"{STATE} cannot be read ({error})") from None
    except CheckpointError as error:
        raise naming_checkpoint(folder, error) from None


def _tensors(paths: Iterable[Path]) -> dict[str, Tensor]:
    return {name: tensor for path in paths if path.exists() for name, tensor in read_tensors(path).items()}


def _config(catalog: Catalog, told: Mapping[str, Any], folder: Path) -> Any:
    try:
        return restore(catalog, told["config"], origin="checkpoint")
    except ImtransError as error:
        needs = sorted({p["distribution"] for p in told["plugins"].values()} - {"imtrans"})
        hint = (
            f"It was trained with {', '.join(needs)}: python -m pip install {' '.join(needs)}" if needs else error.hint
        )
        kind = type(error) if not isinstance(error, ConfigError) else CheckpointError
        raise kind(f"checkpoint {folder}: {error.what}", hint=hint) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise broken(folder, f"{weights_file(folder).name} has no readable description ({error!r})") from None


def _signals(told: Mapping[str, Any], folder: Path) -> DataSpec:
    try:
        data_spec = told["signals"]
        extras = {k: ImageSpec(**v) for k, v in data_spec["extras"].items()}
        return DataSpec(source=ImageSpec(**data_spec["source"]), target=ImageSpec(**data_spec["target"]), extras=extras)
    except (KeyError, TypeError, AttributeError) as error:
        raise broken(folder, f"{weights_file(folder).name} has no readable description ({error!r})") from None


def _write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    ready = _apart(tensors)
    atomic_io.write_file(path, lambda place: _put(ready, place, metadata))


def _put(tensors: dict[str, Tensor], place: Path, metadata: dict[str, str] | None) -> None:
    """safetensors tells of a full disk by an error of its own; here it is the OSError that it is."""
    try:
        save_file(tensors, place, metadata=metadata)
    except SafetensorError as error:
        found = re.search(r"os error (\d+)", str(error))
        raise OSError(int(found.group(1)) if found else errno.EIO, f"cannot be written ({error})") from error


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, in one piece, each with memory of its own: safetensors refuses tensors that share it."""
    seen: set[int] = set()
    ready = {}
    for name, tensor in tensors.items():
        here = tensor.detach().cpu().contiguous()
        storage = here.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != here.numel() * here.element_size():
            here = here.clone()
        seen.add(storage.data_ptr())
        ready[name] = here
    return ready


def _fill(network: torch.nn.Module, tensors: Mapping[str, Tensor], *, folder: Path, name: str) -> None:
    own = network.state_dict()
    odd = sorted(set(own) ^ set(tensors)) or [k for k, v in own.items() if v.shape != tensors[k].shape]
    if odd:
        raise broken(folder, f"{len(odd)} weights of {name} do not fit this version's network: {', '.join(odd[:3])}")
    network.load_state_dict(dict(tensors))
