"""What an object needs to be a method."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from imtrans.errors import PluginError, join_names
from imtrans.interfaces import Geometry

PARTS = ("geometry", "load_state_dict", "networks", "state_dict", "train_step", "translate")


def check_parts(method: Any, name: str) -> None:
    """PluginError where an object is no `imtrans.interfaces.Method`."""
    if missing := [part for part in PARTS if not hasattr(method, part)]:
        raise method_error(name, f"{type(method).__name__} has no {join_names(missing)}")
    networks, geometry = method.networks, method.geometry
    is_named = isinstance(networks, Mapping) and all(isinstance(network, nn.Module) for network in networks.values())
    if not is_named or not networks:
        raise method_error(name, f"its networks are {networks!r:.80}, not a mapping of names to torch.nn.Module")
    if not isinstance(geometry, Geometry) or min(geometry.strides(1)) < 1:
        raise method_error(name, f"its geometry is {geometry!r:.80}, not a Geometry with a stride of at least 1")


def method_error(name: str, what: str) -> PluginError:
    """The error for a fault of a method."""
    hint = "Look at its generator as well: imtrans.testing.check_generator and check_method find such faults."
    return PluginError(f"method {name!r}: {what}", hint=hint)
