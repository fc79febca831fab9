"""Gradients of several processes, summed while the backward pass goes on: each sum against one worked out by hand."""

import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch import nn

from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.optim import gradient_sum
from imtrans.engine.optim.gradient_sum import GradientSum

SIZE = 3


def network():
    """Layers of which the first process alone uses the last, and nobody the one before."""
    torch.manual_seed(0)
    layers = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(2, 2), nn.Conv2d(4, 4, 1)])
    layers[1].to(memory_format=torch.channels_last)
    return layers


def loss(layers, rank):
    x = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(rank))
    x = layers[1](layers[0](x))
    return (layers[3](x) if rank == 0 else x).square().sum()


def alone(rank):
    layers = network()
    loss(layers, rank).backward()
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in layers.parameters()]


def in_a_process(rank, port, folder, most):
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=SIZE)
    gradient_sum.FIRST = gradient_sum.LATER = most  # bytes
    layers, world = network(), ProcessGroup(rank=rank, size=SIZE)
    summed = GradientSum(list(layers.parameters()), world.alongside())
    for _ in range(2):
        layers.zero_grad()
        with summed.during_backward():
            loss(layers, rank).backward()
        begun = summed._sent
        summed.finish()
        assert all(p.grad.stride() == p.stride() for p in layers.parameters())  # what fused optimizers ask for
    # A pass without hooks, as of all parts of a batch but the last.
    layers.zero_grad()
    loss(layers, rank).backward()
    with summed.during_backward():
        loss(layers, rank).backward()
    summed.finish()
    twice = [p.grad.clone() for p in layers.parameters()]
    layers.zero_grad()
    summed.finish()  # a group whose loss rests in this step, in all processes
    rested = all(not p.grad.any() for p in layers.parameters())
    torch.save((twice, rested, begun, len(summed.buckets)), folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize(("most", "buckets"), [(1, 8), (500, 3), (2**20, 1)])
def test_every_gradient_is_the_sum_over_all_processes(most, buckets, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes.spawn(in_a_process, args=(port, tmp_path, most), nprocs=SIZE)
    wanted = [2 * sum(each) for each in zip(*[alone(rank) for rank in range(SIZE)], strict=True)]
    for rank in range(SIZE):
        got, rested, begun, count = torch.load(tmp_path / f"{rank}.pt")
        for mine, theirs in zip(got, wanted, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)
        assert rested
        assert count == buckets
        # Of parameters by themselves the two of the last layer are sent before the pass is over.
        assert begun == (2 if rank == 0 and most == 1 else 0)


def test_buckets_go_from_the_last_parameter_to_the_first_and_depend_on_nothing_else(monkeypatch):
    """A resumed run adds in the same order as one that was never stopped (torch's own buckets change after the first
    step: `findings/ddp-resumed-sums-in-another-order.sh`)."""
    monkeypatch.setattr(gradient_sum, "FIRST", 200)
    monkeypatch.setattr(gradient_sum, "LATER", 1000)
    parameters = [nn.Parameter(torch.zeros(n)) for n in (10, 300, 20, 30, 40)]  # of 4 bytes
    parameters.insert(2, nn.Parameter(torch.zeros(5, dtype=torch.bfloat16)))
    layout = [[p.numel() for p in bucket.parameters] for bucket in gradient_sum._buckets(parameters)]
    assert layout == [[40], [30, 20], [5], [300], [10]]
