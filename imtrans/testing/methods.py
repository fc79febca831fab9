"""Checks of methods."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imtrans.testing.contract import batch_of_noise, check, require, within_contract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from imtrans.interfaces import Batch


@check
def check_method(
    method: Any,
    *,
    groups: Sequence[str],
    updates_all: bool = True,
    size: int = 32,
    channels: int = 3,
    target_channels: int | None = None,
) -> None:
    """A method, already made with its slots, updates each of its groups (some of them: `updates_all` False), logs
    detached scalars, translates.

    Also checked: a gradient for each group, a batch of one, bf16, translations that follow from the seed alone, and a
    state that a checkpoint can hold and that brings a copy to the same translations. `check_run` checks it in training.
    """
    import torch

    from imtrans.kit.method_parts import check_parts

    with within_contract():
        check_parts(method, type(method).__name__)
    other = copy.deepcopy(method)
    for count in (2, 1):
        batch = batch_of_noise(size=size, channels=channels, target_channels=target_channels, count=count)
        updated = _check_step(method, batch, groups, where="")
        enough = updated == set(groups) if updates_all else bool(updated)
        require(enough, f"updated {sorted(updated)}, not {sorted(groups)}")
        _check_translation(method, batch)
    with torch.autocast("cpu", torch.bfloat16):
        _check_step(method, batch, groups, where="with train.precision=bf16 ")
    _check_state(method, other, batch)


def _check_step(method: Any, batch: "Batch", groups: Sequence[str], *, where: str) -> set[str]:
    """The groups that were updated."""
    import torch

    parameters = [p for network in method.networks.values() for p in network.parameters() if p.requires_grad]
    updated: list[str] = []

    def update(losses: "Mapping[str, Tensor]") -> None:
        for group, loss in losses.items():
            require(group in groups, f"updates {group!r}; the groups are {', '.join(groups)}")
            require(loss.shape == () and loss.requires_grad, f"the loss of {group!r} is no scalar with a gradient")
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
            reached = [g for g in gradients if g is not None]
            require(reached, f"the loss of {group!r} reaches no parameter of its networks")
            finite = all(bool(torch.isfinite(g).all()) for g in reached)
            require(finite, f"{where}the loss of {group!r} has a gradient that is not finite")
            updated.append(group)

    logged = method.train_step(batch, update, step=0)
    for name, value in logged.items():
        require(value.shape == () and not value.requires_grad, f"logs {name!r}, which is no detached scalar")
        require(bool(torch.isfinite(value)), f"{where}logs {name!r}, which is not finite")
    return set(updated)


def _translated(method: Any, source: "Tensor") -> "Tensor":
    import torch

    from imtrans.kit.nn import inference

    with torch.random.fork_rng(devices=[]), inference(method.networks.values(), dropout=False):
        torch.manual_seed(0)
        given: Tensor = method.translate(source, extras={}, seed=0)
    return given


def _check_translation(method: Any, batch: "Batch") -> None:
    import torch

    given = _translated(method, batch.source)
    require(isinstance(given, torch.Tensor), f"translate gave {type(given).__name__}, not a tensor")
    shape = (len(batch.source), batch.target.shape[1], *batch.source.shape[2:])
    require(tuple(given.shape) == shape, f"translate gave {tuple(given.shape)}, not {shape}")
    require(given.dtype == torch.float32, f"translate gave {given.dtype}, not float32")
    require(torch.isfinite(given).all(), "translate gave values that are not finite")
    require(torch.equal(given, _translated(method, batch.source)), "translate follows from more than its seed")


def _check_state(method: Any, other: Any, batch: "Batch") -> None:
    import torch

    from imtrans.engine.checkpoints.serialization import pack, unpack

    with within_contract():
        tree, tensors = pack(dict(method.state_dict()), "method")
    other.load_state_dict(unpack(tree, {key: value.clone() for key, value in tensors.items()}))
    for name, network in method.networks.items():
        other.networks[name].load_state_dict(network.state_dict())
    restored = pack(dict(other.state_dict()), "method")
    same = restored[0] == tree and restored[1].keys() == tensors.keys()
    same = same and all(torch.equal(tensors[key], restored[1][key]) for key in tensors)
    require(same, "a copy that took its state_dict() gives another one")
    require(
        torch.equal(_translated(method, batch.source), _translated(other, batch.source)),
        "a copy with the same state translates otherwise: it has state that state_dict() leaves out",
    )
