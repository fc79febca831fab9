"""Drawn house fronts by day and by night: no house on both sides, none in two splits."""

import numpy as np
import pytest
from factories import config

from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.sampler import SampleIndex
from imtrans.plugins.component import ComponentRef
from imtrans_synthetic.toy_drawing import PALETTE, draw


def dataset(split="train", **options):
    return open_split(config({"data.size": "32"}, dataset=ComponentRef("day2night", options)), split).source.dataset


def test_no_house_is_on_both_sides_or_in_two_splits():
    houses = []
    for split in ("train", "val", "test"):
        data = dataset(split)
        for is_night in (False, True):
            houses.append({data._houses(i)[is_night] for i in range(len(data))})
    assert [len(h) for h in houses] == [400, 400, 64, 64, 64, 64]
    assert len(set().union(*houses)) == sum(map(len, houses))


def test_the_sides_are_those_houses_by_day_and_by_night():
    pair = dataset(days=3, nights=5)[4]
    np.testing.assert_array_equal(pair.source, draw(1, height=32, width=32)[1])
    np.testing.assert_array_equal(pair.target, draw(500_004, height=32, width=32, is_night=True)[1])


def test_sides_of_different_numbers_are_said(tmp_path):
    data = dataset(days=3, nights=5)
    assert len(data) == 5
    assert data.description.lengths == (3, 5)
    assert data.description.layout == "unpaired: 3 and 5 pictures"
    loading = open_split(config({"data.size": "32"}, dataset=ComponentRef("day2night", {"days": 3})), "train")
    assert loading.pair(SampleIndex(0, 0))[0].key.startswith("0-")


@pytest.mark.parametrize("index", [0, 3, 11])
def test_by_night_the_house_stands_where_it_stood_and_the_light_is_another(index):
    labels, day = draw(index, height=64, width=64)
    again, night = draw(index, height=64, width=64, is_night=True)
    np.testing.assert_array_equal(labels, again)
    at = {name: (labels == colour).all(-1) for name, colour in PALETTE.items()}
    walls = at["brick"] | at["plaster"] | at["stone"]
    # The sky and the walls grow dark, and the windows shine.
    for part in (at["sky"], walls):
        assert night[part].mean() < 0.6 * day[part].mean()
    assert day[at["window"]].mean() < 1.5 * day[walls].mean()
    assert night[at["window"]].mean() > 2 * night[walls].mean()
