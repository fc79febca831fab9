"""torch's Adam, without torch's compiler."""

import inspect
from collections.abc import Callable
from typing import Any

import torch


def _bare(name: str) -> Callable[..., Any]:
    """A method of torch's Adam without what torch has wrapped around it for its compiler."""
    method: Callable[..., Any] = inspect.unwrap(getattr(torch.optim.Adam, name))
    return method


class Adam(torch.optim.Adam):
    """torch's Adam: the same numbers, the same state.

    torch's own methods import its compiler when they are first called, only to be left alone by it (torch 2.9 to 2.13):
    a second of every start. An optimizer is not compiled here.
    """

    add_param_group = _bare("add_param_group")
    zero_grad = _bare("zero_grad")
    state_dict = _bare("state_dict")
    load_state_dict = _bare("load_state_dict")
    step = torch.no_grad()(_bare("step"))
