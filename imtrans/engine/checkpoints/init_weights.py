"""Beginning with somebody's weights: what fits is taken, what does not is told."""

from pathlib import Path

from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.checkpoints.io import read_tensors, with_prefix
from imtrans.errors import CheckpointError, join_names


def fill(live: Model, path: Path) -> list[str]:
    """Fill the networks with the weights of a run, a checkpoint or a safetensors file, where name and shape agree.

    Gives a line for each network: how much was taken, and the first of what was not. CheckpointError if nothing fits.
    """
    is_file = path.is_file() and path.suffix == ".safetensors"
    file = path if is_file else checkpoint_paths.find(path) / checkpoint_paths.WEIGHTS
    tensors = read_tensors(file)
    told = {name: _fill(live, name, with_prefix(tensors, name)) for name in live.networks}
    if not any(taken for taken, _ in told.values()):
        raise CheckpointError(
            f"{file}: none of its {len(tensors)} weights fits {join_names(live.networks)} "
            f"({join_names(tensors, most=3)})",
            hint="The names must be those of a checkpoint of imtrans, as generator.encoder.0.weight.",
        )
    return [f"began with {file}", *(_line(name, *found) for name, found in told.items())]


def _fill(live: Model, name: str, tensors: dict[str, Tensor]) -> tuple[int, list[str]]:
    own = live.networks[name].state_dict()
    fitting = {k: v for k, v in tensors.items() if k in own and own[k].shape == v.shape}
    live.networks[name].load_state_dict({**own, **fitting})
    average = live.averages.get(name)
    if average is not None:
        average.module.load_state_dict(live.networks[name].state_dict())
    return len(fitting), [k for k in own if k not in fitting]


def _line(name: str, taken: int, left: list[str]) -> str:
    if not left:
        return f"{name}: all {taken} weights"
    return f"{name}: {taken} of {taken + len(left)} weights; new are {join_names(left, most=3)}"
