"""Samples of several processes, gathered in the order of the batch that one process would have."""

import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes

from imtrans.kit.nn import ImagePool
from imtrans.kit.random import draw
from imtrans.kit.training.distributed import gather_samples

BATCH = torch.arange(5.0).view(5, 1, 1).expand(5, 2, 3)  # one sample more in the first process than in the second
STEPS = 6


def shown_by_a_pool(rank, size):
    """What a pool of three shows of this process's share of the same batch in each of six steps."""
    pool = ImagePool(3)
    for step in range(STEPS):
        draws = torch.tensor([draw(0, step, i) for i in range(5)])
        yield pool(BATCH[rank::size] + 10 * step, draws[rank::size])


def in_a_process(rank, port, folder):
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    gathered, own = gather_samples(BATCH[rank::2])
    torch.save((gathered, own, list(shown_by_a_pool(rank, 2))), folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_one_process_has_all_samples_itself():
    gathered, own = gather_samples(BATCH)
    assert torch.equal(gathered, BATCH)
    assert own.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_two_processes_with_shares_of_different_size_gather_and_pool_as_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes.spawn(in_a_process, args=(port, tmp_path), nprocs=2)
    alone = list(shown_by_a_pool(0, 1))
    for rank in range(2):
        gathered, own, shown = torch.load(tmp_path / f"{rank}.pt")
        assert torch.equal(gathered, BATCH)
        assert own.tolist() == [0, 1, 2, 3, 4][rank::2]
        for mine, all_of_them in zip(shown, alone, strict=True):
            assert torch.equal(mine, all_of_them[rank::2])
    assert any(not torch.equal(each, BATCH + 10 * step) for step, each in enumerate(alone)), "none was swapped"
