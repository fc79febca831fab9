"""Networks that are filled afterwards: their parameters are not drawn, everything else is."""

import torch
from torch import nn

from imtrans.engine.checkpoints.without_init import without_init


class Features(nn.Module):
    """Has a buffer that is drawn and in no checkpoint."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        nn.init.normal_(self.layer.weight, std=5)
        self.register_buffer("directions", torch.empty(1000).normal_(), persistent=False)


def test_only_parameters_are_left_undrawn():
    torch.manual_seed(0)
    with without_init():
        before = torch.get_rng_state()
        layer = nn.Linear(300, 300)
        assert torch.equal(torch.get_rng_state(), before)
        network = Features()
    assert not torch.equal(torch.get_rng_state(), before)
    assert 0.9 < float(network.directions.std()) < 1.1
    assert layer.weight.requires_grad
    drawn = nn.Linear(300, 300)
    assert 0 < float(drawn.weight.detach().abs().max()) <= 300**-0.5
