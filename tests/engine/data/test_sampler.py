"""The order of samples is a function of (seed, epoch) alone, whatever loads them and however many devices there are."""

import random

import numpy as np
import pytest
from factories import config, pairs

from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.prefetch import Prefetcher
from imtrans.engine.data.sampler import EpochSampler, Position, SampleIndex, StepSamples
from imtrans.engine.distributed import ProcessGroup

COUNT = 5000


def order(**changes):
    return EpochSampler(**{"count": COUNT, "batch_size": 48, "seed": 3, "steps": 210, **changes})


@pytest.mark.slow
def test_forty_random_stops_change_nothing():
    """5,000 samples; each exactly once in an epoch, in the same order, wherever the run was taken up."""
    whole, rng = list(order()), random.Random(5)
    for stop in sorted(rng.sample(range(1, 209), 40)):
        rest = list(order(start=whole[stop - 1].after, steps=210 - stop))
        assert rest == whole[stop:]
    indices = [p.index for step in whole[:105] for p in step.indices]
    assert sorted(indices) == list(range(COUNT))
    assert indices[:50] != [p.index for step in whole[105:] for p in step.indices][:50]


@pytest.mark.parametrize(("ranks", "parts"), [(1, 1), (2, 1), (3, 1), (2, 4), (4, 3)])
def test_devices_and_parts_share_each_step_without_loss_or_repetition(ranks, parts):
    for step in order():
        shares = [step.parts(ranks=ranks, rank=rank, parts=parts) for rank in range(ranks)]
        assert len({len(share) for share in shares}) == 1  # as many parts everywhere, or the others would wait
        assert all(part for share in shares for part in share)
        seen = [place for share in shares for part in share for place in part]
        assert sorted(p.index for p in seen) == sorted(p.index for p in step.indices)
        assert step.count(ranks) == len(seen)


def test_only_fewer_samples_than_devices_are_seen_twice():
    step = StepSamples(indices=[SampleIndex(0, 5), SampleIndex(0, 7)], after=Position(1, 0))
    shares = [step.parts(ranks=4, rank=rank, parts=2) for rank in range(4)]
    assert [[p.index for p in part] for share in shares for part in share] == [[5], [7], [5], [7]]
    assert step.count(4) == 4


def test_steps_to_an_epoch_counts_from_where_the_run_stands():
    assert order(count=10, batch_size=4).steps_to(2) == 6
    assert order(count=10, batch_size=4, start=Position(1, 8)).steps_to(2) == 1
    assert order(count=10, batch_size=4, start=Position(2, 0)).steps_to(2) == 0


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("data") / "pairs", train=9, val=1, size=8)


def fed(data, *, workers, ranks):
    """Every picture and draw of seven steps, by step, of all ranks together."""
    loading = open_split(config({"data.size": "8"}, dataset=data), "train")
    plan = EpochSampler(count=9, batch_size=4, seed=1, steps=7)
    feeds = [
        Prefetcher(loading=loading, order=plan, workers=workers, world=ProcessGroup(rank=r, size=ranks))
        for r in range(ranks)
    ]
    told = []
    for given in zip(*feeds, strict=True):
        stored = [batch for _, batches in given for batch in batches]
        # By name: one alone in a step is seen by both devices.
        told.append({k: (int(d), s) for b in stored for k, d, s in zip(b.keys, b.draws, b.source, strict=True)})
    return told


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "ranks"), [(2, 1), (0, 2), (2, 2)])
def test_the_same_samples_and_draws_come_with_workers_and_ranks(workers, ranks, data):
    plain, other = fed(data, workers=0, ranks=1), fed(data, workers=workers, ranks=ranks)
    for one, two in zip(plain, other, strict=True):
        assert {k: draw for k, (draw, _) in one.items()} == {k: draw for k, (draw, _) in two.items()}
        assert all(np.array_equal(one[k][1], two[k][1]) for k in one)
