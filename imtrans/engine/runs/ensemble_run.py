"""Several trained models as one, a run of its own: its generators are the means of theirs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from imtrans import atomic_io
from imtrans.config import io as config_io
from imtrans.config.resolve import restore
from imtrans.config.schema import ResolvedComponent, RunConfig
from imtrans.config.sources import Assignment, Layer
from imtrans.engine import build
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.checkpoints import required_plugins
from imtrans.engine.checkpoints.checkpoint_paths import weights_file
from imtrans.engine.runs import run_dir
from imtrans.errors import CheckpointError, join_names
from imtrans.kit.ensemble import Ensemble
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef

GENERATOR = "ensemble"  # the component that holds the members


def write_ensemble(
    members: Sequence[Path], folder: Path, *, catalog: Catalog, versions: Mapping[str, Mapping[str, Any]]
) -> Path:
    """Write a run in `folder` with one checkpoint, that of the mean of these checkpoints, and return its path.

    Weights that were averaged in training are taken where there are any. `versions` as `Plugins.versions`.
    CheckpointError for models that differ in more than their weights, and for those without a generator.
    """
    metadata = [checkpoints_io.read_metadata(member) for member in members]
    configs = [
        required_plugins.restored(catalog, m["config"], m.get("plugins"), where=f"checkpoint {p}", origin="checkpoint")
        for p, m in zip(members, metadata, strict=True)
    ]
    _check_alike(members, configs)
    config = _config(configs[0], len(members), catalog)
    factory, cpu = build.ComponentFactory(catalog), torch.device("cpu")
    data_spec = checkpoints_io.data_spec(members[0])
    model = build.model(config, data_spec, factory=factory, device=cpu, seed=0, purpose="translate")
    for number, member in enumerate(members):
        _fill(model, number, member)
    recorded = required_plugins.record(config, versions, catalog)
    step = max(int(m["step"]) for m in metadata)
    checkpoint = checkpoints_io.save(model, folder, step=step, plugins=recorded)
    atomic_io.replace_text(folder / "config.toml", config_io.write(config))
    atomic_io.replace_json(folder / run_dir.RECORD, _record(folder, members, step))
    return checkpoint


def _check_alike(members: Sequence[Path], configs: Sequence[RunConfig]) -> None:
    """What the mean needs: one kind of network, of data, and of running it."""
    first = _kind(configs[0], members[0])
    for member, config in zip(members[1:], configs[1:], strict=True):
        other = _kind(config, member)
        different = [name for name in first.keys() | other.keys() if first.get(name) != other.get(name)]
        if different:
            raise CheckpointError(
                f"{member} differs from {members[0]} in {join_names(sorted(different))}: they have no mean",
                hint="Train them with the same recipe and options; seeds, folds and lengths may differ.",
            )


def _kind(config: RunConfig, member: Path) -> dict[str, Any]:
    tree = config.tree()
    slots = {slot: tree[slot] for slot in _slots(config)}
    spec = replace(checkpoints_io.data_spec(member), stored=None)  # sizes of pictures that they were shown
    return {"method": tree["method"], **slots, "inference": tree["inference"], "data": spec, "size": config.data.size}


def _slots(config: RunConfig) -> list[str]:
    """The slots whose networks translate."""
    return [name for name, slot in config.info.slots.items() if slot.kind == "generator" and not slot.many]


def _config(config: RunConfig, members: int, catalog: Catalog) -> RunConfig:
    slots = _slots(config)
    if not slots:
        raise CheckpointError(f"method {config.method.name!r} has no generator of which there could be a mean")
    uses = {slot: _use(config.parts[slot][0]) for slot in slots}
    changes: dict[tuple[str, ...], Any] = {
        **{(slot,): ComponentRef(GENERATOR, {"of": use, "members": members}) for slot, use in uses.items()},
        # The members' weights are averaged already, and validation is that of the data set again.
        **{("train", "ema"): 0.0, ("data", "folds"): None, ("data", "fold"): None},
    }
    layer = Layer("ensemble", [Assignment(key, value, "ensemble") for key, value in changes.items()])
    tree = config.tree()
    # Parts of a member that are trained in their own way are no parts of the ensemble, which is not trained.
    own = {group: options for group, options in tree["train"]["optimizer"].items() if group in config.optimizers}
    tree["train"] = {**tree["train"], "optimizer": own}
    return restore(catalog, tree, origin="the first member", layers=[layer])


def _use(component: ResolvedComponent) -> ComponentRef:
    """A component as an option names it; its options as a file holds them."""
    return ComponentRef(component.name, {k: v for k, v in component.tree().items() if k != "name"})


def _fill(model: build.Model, number: int, member: Path) -> None:
    """The weights of a member; those of networks that do not translate are the first one's."""
    tensors = checkpoints_io.read_tensors(weights_file(member))
    for name, network in model.networks.items():
        averaged = checkpoints_io.with_prefix(tensors, f"ema.{name}")
        weights = averaged or checkpoints_io.with_prefix(tensors, name)
        if isinstance(network, Ensemble):
            checkpoints_io.fill(network.members[number], weights, folder=member, name=name)
        elif number == 0:
            checkpoints_io.fill(network, weights, folder=member, name=name)


def _record(folder: Path, members: Sequence[Path], step: int) -> dict[str, Any]:
    return {
        "format": run_dir.FORMAT,
        "name": folder.name,
        "started": run_dir.now(),
        "status": "ensemble",
        "step": step,
        "steps": step,
        "from": list(_sources(members)),
    }


def _sources(members: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for member in members:
        yield {"checkpoint": str(member), "sha256": atomic_io.digest(weights_file(member))}
