"""Adam without torch's compiler: torch's numbers and state, and a start that does not import it."""

import copy
import subprocess
import sys

import pytest
import torch

from imtrans.engine.optim.adam import Adam

START = """
import sys, torch
from imtrans.engine.optim.optimizers import create_optimizer
from imtrans.plugins.recipe import OptimizerOptions
weight = torch.nn.Parameter(torch.ones(3))
optimizer = create_optimizer([weight], OptimizerOptions())
weight.sum().backward()
optimizer.step()
optimizer.zero_grad()
optimizer.load_state_dict(optimizer.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""


def steps(kind, network, *, fused):
    optimizer = kind(network.parameters(), lr=0.01, betas=(0.5, 0.999), fused=fused)
    for step in range(4):
        network(torch.full((2, 3), float(step + 1))).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step == 1:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = kind(network.parameters(), lr=0.5, fused=fused)
            optimizer.load_state_dict(state)
    return [*network.parameters(), *(v for s in optimizer.state.values() for v in s.values())]


def test_steps_and_state_are_those_of_torch():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    for fused in (True, False):
        found, expected = (steps(kind, copy.deepcopy(network), fused=fused) for kind in (Adam, torch.optim.Adam))
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
        assert all(not p.grad_fn for p in found)


def test_hooks_and_closures_still_work():
    weight, seen = torch.nn.Parameter(torch.ones(2)), []
    optimizer = Adam([weight])
    optimizer.register_step_post_hook(lambda *_: seen.append("stepped"))
    loss = optimizer.step(lambda: (weight.square().sum().backward(), weight.sum())[1])
    assert seen == ["stepped"]
    assert loss.requires_grad  # the closure runs with gradients, as torch promises


@pytest.mark.slow
def test_the_compiler_is_not_imported():
    assert subprocess.run([sys.executable, "-c", START], check=False).returncode == 0
