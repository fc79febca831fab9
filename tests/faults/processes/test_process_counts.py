"""Two and four processes have the numbers of one; three that are resumed have the bits of three that were not."""

import json

import pytest
from company import assert_equal_losses, company, data, line
from factories import pairs

from imtrans.atomic_io import digest

pytestmark = pytest.mark.slow
# Batches of 4, all full: where there are fewer pictures than processes some come twice, to the pool of old ones, too.
CYCLEGAN = {
    **{f"{way}{slot}.width": "4" for way in ("", "backward_") for slot in ("generator", "discriminator")},
    **{f"{way}generator.blocks": "1" for way in ("", "backward_")},
    "generator.dropout": "",
    "generator.depth": "",
    "method.pool_size": "2",
    "dataset.days": "12",
    "dataset.nights": "8",
    "data.size": "32",
    "metrics": "[]",
    # Adam's first steps are as long for a gradient that is 0 but for rounding (a bias before an instance norm).
    "train.optimizer.eps": "0.1",
    "train.optimizer.lr": "0.001",
}


@pytest.fixture
def room(tmp_path):
    pairs(tmp_path / "pairs", train=10, val=3)
    return tmp_path


def test_four_processes_give_the_losses_of_one(room):
    """Batches of 4, 4 and 2: of the last, two processes have a picture that another has as well."""
    alone, together = company(room, {"lines": [line("one", *data(room))]}, {"lines": [line("four", *data(room))] * 4})
    assert (alone["codes"], together["codes"]) == ([0], [0] * 4), together["said"]
    assert_equal_losses(room, "one", "four")


@pytest.mark.parametrize("count", [2, 4])
def test_cyclegan_in_several_processes_gives_the_losses_of_one(count, room):
    cycle = {"recipe": "cyclegan", **CYCLEGAN, "train.steps": "4"}
    one, many = line("one", "--dataset", "day2night", **cycle), line("many", "--dataset", "day2night", **cycle)
    alone, together = company(room, {"lines": [one]}, {"lines": [many] * count})
    assert (alone["codes"], together["codes"]) == ([0], [0] * count), together["said"]
    assert_equal_losses(room, "one", "many")


def test_three_processes_that_are_resumed_have_the_bits_of_three_that_were_not_stopped(room):
    """torch's own buckets are laid out anew after the first step, which adds three values in another order
    (findings/ddp-resumed-sums-in-another-order)."""
    more = {"data.batch_size": "6", "train.steps": "10"}
    straight = [line("straight", *data(room), **more)] * 3
    stopped = [line("stopped", *data(room), **{**more, "train.save_every": "2", "train.steps": "200"})] * 3
    harm = {"rank": 1, "signal": "KILL", "file": "runs/stopped/metrics.jsonl", "lines": 6}
    again = [line("stopped", "--resume", *data(room), **more)] * 3
    done = company(room, {"lines": straight}, {"lines": stopped, "harm": harm}, {"lines": again})
    assert (done[0]["codes"], done[2]["codes"]) == ([0] * 3, [0] * 3), done[2]["said"]
    record = json.loads((room / "runs" / "stopped" / "run.json").read_text())
    assert record["resumes"][0]["step"] in (2, 4, 6, 8)
    mine, theirs = (room / "runs" / name / "step-000010" for name in ("stopped", "straight"))
    names = ["model.safetensors", "optimizer.safetensors", *[f"rank-{rank:03}.safetensors" for rank in range(3)]]
    assert [digest(mine / name) for name in names] == [digest(theirs / name) for name in names]
