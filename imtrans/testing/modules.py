"""What every network must hold, whatever it is for."""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from imtrans.testing.contract import ContractError, require

if TYPE_CHECKING:
    from torch import Tensor, nn


def check_module(network: Any, name: str) -> None:
    """It is a torch module."""
    from torch import nn

    require(isinstance(network, nn.Module), f"{name}: gave {type(network).__name__}, not a torch.nn.Module")


def check_gradients(network: "nn.Module", loss: "Tensor", name: str) -> None:
    """Every parameter that is trained has a finite gradient."""
    import torch

    require(loss.requires_grad, f"{name}: no parameter is trained by its output")
    parameters = {k: p for k, p in network.named_parameters() if p.requires_grad}  # a frozen encoder learns nothing
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, retain_graph=True)
    for key, gradient in zip(parameters, gradients, strict=True):
        require(gradient is not None, f"{name}: {key} is not used for the output")
        require(torch.isfinite(gradient).all(), f"{name}: the gradient of {key} is not finite")


def check_state(network: "nn.Module", call: Any, name: str) -> None:
    """Another network with the same state gives the same."""
    import torch

    from imtrans.kit.nn import inference

    # Zeroed first: an output that equals by chance, or that depends on more than the state, is noticed.
    other = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(network.state_dict())
    with inference([network, other], dropout=False):
        require(torch.equal(call(network), call(other)), f"{name}: a network with the same state gives another output")


def check_repeats(network: "nn.Module", call: "Callable[[], Tensor]", name: str) -> None:
    """In inference, without dropout, it gives the same whatever was drawn before, and changes none of its buffers."""
    import torch

    from imtrans.kit.nn import inference

    before = {key: value.clone() for key, value in network.state_dict().items()}
    with inference([network], dropout=False), torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = call()
        torch.manual_seed(2)
        require(torch.equal(first, call()), f"{name}: the same input gives another output the second time")
    for key, value in network.state_dict().items():
        require(torch.equal(value, before[key]), f"{name}: a pass in inference changed {key}")


def check_bf16(network: "nn.Module", call: "Callable[[], Tensor]", name: str) -> None:
    """It runs as a run with `train.precision=bf16` runs it."""
    import torch

    from imtrans.kit.nn import inference

    with inference([network], dropout=False), torch.autocast("cpu", torch.bfloat16):
        require(torch.isfinite(call()).all(), f"{name}: the output in bfloat16 is not finite")


def check_export(network: "nn.Module", image: "Tensor", name: str) -> None:
    """torch.export writes it, and the program gives what it gives."""
    import torch

    from imtrans.kit.nn import inference

    with inference([network], dropout=False):
        try:
            program = torch.export.export(network, (image,))
        except Exception as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ContractError(f"{name}: torch.export cannot write it: {first}; see export=False") from error
        far = float((program.module()(image) - network(image)).abs().max())
    require(far < 1e-4, f"{name}: what torch.export writes differs by {far:.3g}")
