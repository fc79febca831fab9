"""Names of weights as a network alone has them."""

import pytest
import torch
from torch import nn

from imtrans.kit.state_dict import without_wrappers


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # of what torch.compile imports
def test_the_names_that_torch_gives_wrapped_networks_are_those_of_the_network():
    """The names come from torch itself, at every place where a network can be wrapped."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Sequential(nn.Conv2d(1, 1, 1)))
    names = set(network.state_dict())
    for wrapped in (
        nn.DataParallel(network),
        torch.compile(network),
        nn.DataParallel(torch.compile(network)),
        torch.compile(nn.DataParallel(network)),
        nn.Sequential(torch.compile(network[0]), network[1]),
        nn.Sequential(network[0], nn.Sequential(torch.compile(network[1][0]))),
    ):
        assert set(without_wrappers(wrapped.state_dict())) == names


def test_names_are_kept_where_two_weights_would_share_one_and_where_only_some_are_wrapped():
    one, two = torch.zeros(1), torch.ones(1)
    for weights in ({"a._orig_mod.w": one, "a.w": two}, {"module.w": one, "w": two}, {}):
        assert without_wrappers(weights) == weights
