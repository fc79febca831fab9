"""The checkpoint format: a model, and the state that resuming its training needs, as one folder of safetensors and
JSON."""

import contextlib
import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

import imtrans
from imtrans.config.resolve import restore
from imtrans.config.schema import RunConfig
from imtrans.config.sources import Layer
from imtrans.engine import build
from imtrans.engine.build import ComponentFactory, Model
from imtrans.engine.checkpoints import required_plugins
from imtrans.engine.checkpoints.checkpoint_paths import (
    OPTIMIZER,
    STATE,
    WEIGHTS,
    broken,
    folder_of_file,
    naming_checkpoint,
    newest_first,
    step_name,
    weights_file,
)
from imtrans.engine.checkpoints.content import CheckpointContent
from imtrans.engine.checkpoints.model_file import FORMAT, KEY
from imtrans.engine.checkpoints.model_file import read_metadata as read_metadata
from imtrans.engine.checkpoints.serialization import moved, pack, unpack
from imtrans.engine.checkpoints.without_init import without_init
from imtrans.errors import CheckpointError, ConfigError
from imtrans.interfaces import DataSpec, ImageSpec, StoredSizes
from imtrans.kit.weight_file import all_finite
from imtrans.plugins.catalog import Catalog

_RANK = "rank-{}.safetensors"


def save(model: Model, run: Path, **given: Any) -> Path:
    """Write a checkpoint of `content_of(model, run, **given)` atomically, and return its path.

    Raises ResourceError where the folder cannot be written.
    """
    return content_of(model, run, **given).write()


def content_of(
    model: Model,
    run: Path,
    *,
    step: int,
    plugins: Mapping[str, Any],
    progress: Mapping[str, Any] | None = None,
    shared: Any = None,
    ranks: Sequence[Any] = (),
    is_best: bool = False,
    is_milestone: bool = False,
) -> CheckpointContent:
    """What a checkpoint of the present state holds; its tensors are the model's own.

    The metadata of the weights file hold everything that rebuilding the model needs: `translate` takes no other file
    and no flag. `progress`, `shared` and the state of each rank are what resuming needs besides
    (`imtrans.engine.checkpoints.state`). `is_milestone`: it is kept for good.
    """
    tree, moments = pack(shared, "shared")
    packed = [pack(state, f"rank-{rank:03}") for rank, state in enumerate(ranks)]
    fields = {"format": FORMAT, "step": step, "progress": progress, "shared": tree, "ranks": [t for t, _ in packed]}
    fields |= {"is_milestone": True} if is_milestone else {}
    of_ranks = {_RANK.format(f"{rank:03}"): tensors for rank, (_, tensors) in enumerate(packed)}
    return CheckpointContent(
        folder=run / step_name(step, is_best=is_best),
        tensors={WEIGHTS: weights(model), **({OPTIMIZER: moments} if moments else {}), **of_ranks},
        metadata={WEIGHTS: {KEY: json.dumps(metadata_of(model, step, plugins))}},
        state=json.dumps(fields, indent=1),
    )


def metadata_of(model: Model, step: int, plugins: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a weights file: the configuration, the data specification and the plugins of its model."""
    info = model.config.dataset.component.info
    counts = {name: sum(p.numel() for p in network.parameters()) for name, network in model.networks.items()}
    return {
        "format": FORMAT,
        "imtrans": imtrans.__version__,
        "step": step,
        "config": model.config.tree(),
        "signals": dataclasses.asdict(model.data_spec),
        "plugins": required_plugins.without_paths(plugins),
        "parameters": counts,
        **({"untrained": [*model.untrained]} if model.untrained else {}),
        "licence": model.config.train.licence,
        "terms": {"dataset": info.terms or None, "is_public": info.archive is not None},
    }


def load(
    folder: Path,
    *,
    catalog: Catalog,
    factory: ComponentFactory,
    device: torch.device,
    has_discriminators: bool = False,
) -> Model:
    """The model of an intact checkpoint folder; without its discriminators, with which nothing translates, unless they
    are asked for. CheckpointError if its weights are not finite or do not fit.

    `folder` can also be a weights file that was copied alone: the method's state is then empty.
    """
    metadata = read_metadata(folder)
    config = _config(catalog, metadata, folder)
    data_spec = _data_spec(metadata, folder)
    with without_init():  # every weight is overwritten, or the checkpoint is refused
        model = build.model(config, data_spec, factory=factory, device=device, seed=0, purpose="translate")
    model = model if has_discriminators else build.without_discriminators(model)
    model = dataclasses.replace(model, untrained=[str(n) for n in metadata.get("untrained") or ()])
    restore_weights(model, folder)
    rank_state = {} if folder.is_file() else _first_rank(folder)
    if rank_state:
        model.method.load_state_dict(moved(rank_state.get("method", {}), device))
    return model


def with_policy(model: Model, layer: Layer, *, catalog: Catalog) -> Model:
    """The same model with the inference policy that `layer` sets. ConfigError where it sets anything else."""
    fixed = next((a for a in layer.assignments if a.path[0] != "inference"), None)
    if fixed:
        raise ConfigError(f"{fixed.where}: a trained model has this for good", hint="Set inference.* here.")
    if not layer.assignments:
        return model
    config = restore(catalog, model.config.tree(), origin="the run", layers=[layer])
    return model.with_config(config, factory=ComponentFactory(catalog))


def restore_weights(model: Model, folder: Path) -> None:
    """Fill the networks, and their moving averages, with a checkpoint's weights."""
    tensors = read_tensors(weights_file(folder), of=(*model.networks, "ema"))
    for name, network in model.networks.items():
        fill(network, with_prefix(tensors, name), folder=folder, name=name)
    for name, average in model.averages.items():
        fill(average.module, with_prefix(tensors, f"ema.{name}"), folder=folder, name=f"ema.{name}")


def progress(folder: Path) -> dict[str, Any]:
    """How far the run of a checkpoint was. CheckpointError if it cannot be resumed."""
    if folder.is_file():
        raise _weights_alone(folder)
    try:
        saved: dict[str, Any] | None = json.loads((folder / STATE).read_text(encoding="utf-8"))["progress"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise broken(folder, f"{STATE} has no readable progress ({error})") from None
    if saved is None:
        raise _weights_alone(folder)
    return saved


def state(folder: Path, *, device: torch.device) -> dict[str, Any]:
    """The state that resuming needs: progress, shared and ranks. The shared tensors are on `device`."""
    with _read_state(folder) as saved:
        tensors = _tensors(sorted(folder.glob(_RANK.format("*"))))
        shared = unpack(saved["shared"], moved(_tensors([folder / OPTIMIZER]), device))
        return {**saved, "shared": shared, "ranks": [unpack(tree, tensors) for tree in saved["ranks"]]}


def weights(model: Model) -> dict[str, Tensor]:
    """Every weight and buffer of the networks, and of their moving averages, by name."""
    tensors = {f"{name}.{k}": v for name, network in model.networks.items() for k, v in network.state_dict().items()}
    for name, average in model.averages.items():
        tensors |= {f"ema.{name}.{k}": v for k, v in average.module.state_dict().items()}
    return tensors


def with_prefix(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `name` and a dot, without it."""
    return {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}


def read_tensors(path: Path, *, of: Sequence[str] | None = None) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or those of these networks alone. CheckpointError names what cannot be read
    or is not finite."""
    try:
        tensors: dict[str, Tensor] = load_file(path)  # mapped: what is not asked for is not read
        if of is not None:
            tensors = {name: tensor for name, tensor in tensors.items() if name.startswith(tuple(f"{n}." for n in of))}
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise broken(folder_of_file(path), f"{path.name} cannot be read ({error})") from None
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not all_finite(tensor):
            raise broken(folder_of_file(path), f"{name} holds values that are not finite")
    return tensors


def _weights_alone(checkpoint: Path) -> CheckpointError:
    run = checkpoint.parent
    newer = newest_first(run) if checkpoint.is_dir() else []
    resume = f"To resume the run, from {newer[0].name}: imtrans resume {run}; to" if newer else "To"
    return CheckpointError(
        f"{checkpoint} holds the weights alone, without the state to resume from",
        hint=f"{resume} begin a new run with these weights: imtrans run RECIPE --init {checkpoint}",
    )


def _first_rank(folder: Path) -> dict[str, Any]:
    """The state of the first rank, if there is any."""
    # Translating needs no more of the state; the two moments of each weight would triple the bytes.
    with _read_state(folder) as saved:
        first: list[dict[str, Any]] = [unpack(t, _tensors([folder / _RANK.format("000")])) for t in saved["ranks"][:1]]
        return first[0] if first else {}


@contextlib.contextmanager
def _read_state(folder: Path) -> Iterator[dict[str, Any]]:
    """The content of state.json; an error while the block uses it names the checkpoint."""
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


def _config(catalog: Catalog, metadata: Mapping[str, Any], folder: Path) -> RunConfig:
    try:
        tree, recorded = metadata["config"], metadata["plugins"]
        return required_plugins.restored(catalog, tree, recorded, where=f"checkpoint {folder}", origin="checkpoint")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise broken(folder, f"{weights_file(folder).name} has no readable description ({error!r})") from None


def data_spec(folder: Path) -> DataSpec:
    """What the sides are that the model of a checkpoint was trained with. CheckpointError where it does not say it."""
    return _data_spec(read_metadata(folder), folder)


def _data_spec(metadata: Mapping[str, Any], folder: Path) -> DataSpec:
    try:
        fields = metadata["signals"]  # files have had this key since format 1
        extras = {k: _image_spec(v) for k, v in fields["extras"].items()}
        sides = {side: _image_spec(fields[side]) for side in ("source", "target")}
        # Checkpoints of earlier releases lack what later ones found out.
        sizes = fields.get("stored")
        stored = StoredSizes(*((int(height), int(width)) for height, width in sizes)) if sizes else None
        return DataSpec(**sides, extras=extras, half_aspect=fields.get("half_aspect"), stored=stored)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise broken(folder, f"{weights_file(folder).name} has no readable description ({error!r})") from None


def _image_spec(fields: Mapping[str, Any]) -> ImageSpec:
    # JSON has lists where the specification of a data set has tuples; the two are compared.
    palette = fields["palette"] and tuple(tuple(colour) for colour in fields["palette"])
    values = tuple(fields["values"]) if fields.get("values") else None
    # Until format 3 the hidden colours of transparent pictures were taken.
    background = tuple(fields["background"]) if fields.get("background") else None
    return ImageSpec(**{**fields, "palette": palette, "values": values, "background": background})


def fill(network: torch.nn.Module, tensors: Mapping[str, Tensor], *, folder: Path, name: str) -> None:
    """Fill a network with weights by name. CheckpointError names the checkpoint and what does not fit."""
    initial = network.state_dict()
    # load_state_dict would name every weight; a network has hundreds.
    misfits = sorted(set(initial) ^ set(tensors)) or [k for k, v in initial.items() if v.shape != tensors[k].shape]
    if misfits:
        names = ", ".join(misfits[:3])
        raise broken(folder, f"{len(misfits)} weights of {name} do not fit this version's network: {names}")
    network.load_state_dict(dict(tensors))
