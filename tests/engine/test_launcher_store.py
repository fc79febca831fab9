"""Processes that a launcher starts again find each other, not those that died before them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from torch.distributed import HashStore

from imtrans.engine.launcher_store import agreed_name, fresh_store
from imtrans.errors import ResourceError

SIZE = 3


def names(store, ranks, *, seconds=20):
    with ThreadPoolExecutor(SIZE) as pool:
        given = [pool.submit(agreed_name, store, rank, SIZE, timeout=timedelta(seconds=seconds)) for rank in ranks]
        return [one.result() for one in given]


def test_each_life_of_the_processes_has_a_name_of_its_own():
    store = HashStore()
    lives = [set(names(store, order)) for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2))]
    assert [len(life) for life in lives] == [1, 1, 1]
    assert len(set.union(*lives)) == 3


def test_one_that_asked_and_died_is_not_taken_for_the_one_after_it():
    store = HashStore()
    store.set("imtrans/asks/2", "imtrans/the-dead")
    assert len(set(names(store, (1, 0, 2)))) == 1


@pytest.mark.slow
def test_one_that_does_not_come_is_named():
    with pytest.raises(ResourceError, match="process 2 of 3 did not come within 1 s"):
        names(HashStore(), (0, 1), seconds=1)


def test_without_torchs_launcher_rank_0_opens_a_store_itself():
    assert fresh_store(1, 2, timeout=timedelta(seconds=1), environment={"RANK": "1", "WORLD_SIZE": "2"}) is None
