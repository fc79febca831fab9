"""A training step of several processes, with the gradients summed beside the backward pass, after it, and not at all.

    torchrun --nproc-per-node 2 -m benchmarks.gradient_sum --size 256 [--rounds 8]

A slow link on one machine, as root: `unshare -n`, then
`ip link set lo up; tc qdisc add dev lo root tbf rate 4gbit burst 1mb latency 50ms`.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from benchmarks.speed.pairs import draw_pairs
from benchmarks.speed.programs.step_alone import prepared
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.optim.gradient_sum import GradientSum
from imtrans.engine.training.job import TrainingJob


class FlatSum(GradientSum):
    """All gradients in one transfer, after the backward pass."""

    def __init__(self, parameters: Sequence[nn.Parameter], world: ProcessGroup) -> None:
        super().__init__((), world)
        self.parameters = parameters

    @contextlib.contextmanager
    def during_backward(self) -> Iterator[None]:
        """Nothing happens meanwhile."""
        yield

    def finish(self) -> None:
        """Sum."""
        self.world.sum([p.grad for p in self.parameters if p.grad is not None])


def ways(job: TrainingJob) -> dict[str, Callable[[], None]]:
    """What makes a job sum its gradients in one of three ways."""
    groups = job.update.groups.values()
    made = {
        "beside": [group.sum for group in groups],
        "after": [FlatSum(group.parameters, job.world) for group in groups],
        "none": [None for _ in groups],
    }

    def setter(sums: Sequence[GradientSum | None]) -> Callable[[], None]:
        def choose() -> None:
            for group, gradient_sum in zip(groups, sums, strict=True):
                group.sum = gradient_sum

        return choose

    return {name: setter(sums) for name, sums in made.items()}


def measured(folder: Path, *, size: int, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each step, the three ways in turns."""
    count = int(os.environ["WORLD_SIZE"])
    job, take_step = prepared(folder, folder / "runs", size=size, batch=count, steps=100, precision="float32")
    choices = ways(job)
    taken: dict[str, list[float]] = {name: [] for name in choices}
    for _ in range(rounds + 1):
        for name, choose in choices.items():
            choose()
            dist.barrier()
            began = time.perf_counter()
            take_step()
            taken[name].append(1000 * (time.perf_counter() - began))
    return {name: times[1:] for name, times in taken.items()}


def report(taken: dict[str, list[float]]) -> list[str]:
    """The medians, and the share of the cost of summing that is hidden."""
    median = {name: statistics.median(times) for name, times in taken.items()}
    cost = median["after"] - median["none"]
    hidden = (median["after"] - median["beside"]) / cost
    return [
        *[f"{name}: {median[name]:.0f} ms ({min(times):.0f} to {max(times):.0f})" for name, times in taken.items()],
        f"after / beside {median['after'] / median['beside']:.2f}; of {cost:.0f} ms for sums {hidden:.0%} are hidden",
    ]


def main() -> None:
    """Measure under torchrun."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=8)
    given = parser.parse_args()
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    with tempfile.TemporaryDirectory() as top:
        folder = [top]
        if dist.get_rank() == 0:
            draw_pairs(Path(top), 16, size=given.size)
        dist.broadcast_object_list(folder)
        taken = measured(Path(folder[0]), size=given.size, rounds=given.rounds)
        dist.barrier()
    if dist.get_rank() == 0:
        print("\n".join(report(taken)))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
