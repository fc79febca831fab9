"""Initialising a model with the weights of another: what fits is loaded, what does not is reported."""

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from imtrans.config.schema import RunConfig
from imtrans.engine.build import Model
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.checkpoints.io import read_tensors, with_prefix
from imtrans.errors import CheckpointError, join_names
from imtrans.kit.spectral_norm import update_spectral_norms
from imtrans.kit.state_dict import without_wrappers
from imtrans.net.hub_model import fetch, is_hub_name


def pinned(config: RunConfig, *, is_offline: bool = False) -> RunConfig:
    """The same configuration; where `train.init` names a model on the Hub, its name then holds commit and SHA-256, so
    that the run says for good what it began with."""
    if not is_hub_name(config.train.init):
        return config
    file = fetch(str(config.train.init), is_offline=is_offline)
    return replace(config, train=replace(config.train, init=str(file.pinned)))


def fill(model: Model, path: Path) -> list[str]:
    """Fill the networks with the weights of a run, a checkpoint or a safetensors file, where name and shape agree.

    Returns a line for each network: how many weights were loaded, and the first names of those that were not.
    CheckpointError if nothing fits.
    """
    is_file = path.is_file() and path.suffix == ".safetensors"
    file = path if is_file else checkpoint_paths.weights_file(checkpoint_paths.find(path))
    tensors = without_wrappers(read_tensors(file))
    results = {name: _fill(model, name, with_prefix(tensors, name)) for name in model.networks}
    if not any(count for count, _ in results.values()):
        raise CheckpointError(
            f"{file}: none of its {len(tensors)} weights fits {join_names(model.networks)} "
            f"({join_names(tensors, most=3)})",
            hint="The names must be those of a checkpoint of imtrans, as generator.encoder.0.weight.",
        )
    return [f"began with {file}", *(_line(name, *result) for name, result in results.items())]


def _fill(model: Model, name: str, tensors: dict[str, Tensor]) -> tuple[int, list[str]]:
    initial = model.networks[name].state_dict()
    fitting = {k: v for k, v in tensors.items() if k in initial and initial[k].shape == v.shape}
    model.networks[name].load_state_dict({**initial, **fitting})
    if any(k not in fitting for k in initial if k.endswith("._u")):  # else it continues with the vectors of the file
        update_spectral_norms(model.networks[name])
    average = model.averages.get(name)
    if average is not None:  # a copy of the initial weights, towards which it would pull
        average.module.load_state_dict(model.networks[name].state_dict())
    return len(fitting), [k for k in initial if k not in fitting]


def _line(name: str, count: int, unfilled: list[str]) -> str:
    if not unfilled:
        return f"{name}: all {count} weights"
    return f"{name}: {count} of {count + len(unfilled)} weights; new are {join_names(unfilled, most=3)}"
