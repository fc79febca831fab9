"""Shards on a web server: parts, retries, the cache of parts, servers that do not know ranges."""

import pickle
import sys

import numpy as np
import pytest
from factories import config
from plugins.shards.conftest import open_reader
from plugins.shards.range_server import RangeServer

from imtrans.engine.data.cache import with_cache
from imtrans.engine.data.loader import loader
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.sampler import EpochSampler
from imtrans.errors import DataError, DownloadError
from imtrans.kit.shards import ShardReader
from imtrans.kit.stores import open_store
from imtrans.kit.stores.range_cache import FOLDER, RangeCache
from imtrans.net.retry import RetryPolicy
from imtrans.plugins.component import ComponentRef

pytest.importorskip("aiohttp")
QUICK = RetryPolicy(tries=3, pause=0.01)
SHARD = "train-000000.tar"
# fsspec leaves its connections to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def server(packed):
    with RangeServer(packed) as running:
        yield running


def test_samples_are_those_of_the_folder_and_no_more_bytes_are_fetched(packed, server):
    local, remote = open_reader(packed), open_reader(server.address)
    server.sent.clear()
    for index in (3, 19, 0):
        assert np.array_equal(local.read(index)["target"], remote.read(index)["target"])
    spans = [local.place(i).shard.span(local.place(i).row) for i in (3, 19, 0)]
    assert server.sent == [end - start for start, end in spans]


def test_100_bytes_are_100_bytes(server):
    store = open_store(server.address)
    assert len(store.read_range(SHARD, 100_000, 100_100)) == 100
    assert server.sent == [100]


@pytest.mark.slow
def test_batches_are_those_of_the_folder_with_loading_processes_too(packed, server):
    order = [step.indices for step in EpochSampler(count=20, batch_size=4, seed=1, steps=5)]
    batches = {}
    for path, workers in ((str(packed), 0), (server.address, 0), (server.address, 2)):
        chosen = config({}, dataset=ComponentRef("shards", {"path": path, "cache": 0}))
        batches[path, workers] = [*loader(open_split(chosen, "train"), order, workers=workers)]
    first, *others = batches.values()
    for other in others:
        assert [batch.keys for batch in other] == [batch.keys for batch in first]
        assert all(np.array_equal(a.source, b.source) for a, b in zip(first, other, strict=True))


def test_a_store_that_is_away_is_asked_again_and_then_named(server, capsys):
    store = open_store(server.address, retries=QUICK)
    server.stop()
    try:
        with pytest.raises(DownloadError, match=r"train-000000\.tar: no answer after 3 tries") as caught:
            store.read_range(SHARD, 0, 100)
    finally:
        server.start()
    assert caught.value.exit_code == 6
    assert "imtrans resume RUN" in caught.value.hint
    assert capsys.readouterr().err.count("trying again") == 2
    assert len(store.read_range(SHARD, 0, 100)) == 100, "it is there again"


def test_what_is_missing_or_too_short_is_named_at_once(packed, server):
    store = open_store(server.address, retries=QUICK)
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:\d+/train-000009\.tar: is not there"):
        store.read("train-000009.tar")
    with (packed / SHARD).open("r+b") as file:
        file.truncate(30_000)
    reader = ShardReader(store, "train")
    assert reader.faults == [], "a web server cannot be listed"
    with pytest.raises(DataError, match=r"train-000000\.tar: sample 'scan\.0019' is not as it was written"):
        reader.read(19)


def test_a_server_without_ranges_is_named(packed):
    with (
        RangeServer(packed, has_ranges=False) as server,
        pytest.raises(DataError, match="sends whole files where a part is asked for"),
    ):
        open_reader(server.address).read(0)


def test_parts_are_kept_on_this_machine_and_the_oldest_go_first(packed, server, tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    reader = ShardReader(open_store(server.address, cache_bytes=10_000_000), "train")
    server.sent.clear()
    first, again = reader.read(5), reader.read(5)
    assert len(server.sent) == 1
    assert np.array_equal(first["source"], again["source"])
    cache = RangeCache(64_000)
    for number in range(200):
        cache.put("x", number, number + 1000, bytes([number]) * 1000)
    kept = [number for number in range(200) if cache.get("x", number, number + 1000)]
    assert kept[-1] == 199
    assert 20 < len(kept) < 66
    files = [path for path in (tmp_path / "home" / FOLDER).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 64_000 + 2000


def test_a_kept_part_of_an_earlier_shard_is_fetched_anew(packed, server, tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    reader = ShardReader(open_store(server.address, cache_bytes=10_000_000), "train")
    expected = reader.read(5)["source"]
    for path in (tmp_path / "home" / FOLDER).rglob("*"):
        if path.is_file():
            path.write_bytes(bytes(path.stat().st_size))
    assert np.array_equal(reader.read(5)["source"], expected)


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs")])
def test_what_an_address_needs_is_named_where_it_is_not_installed(scheme, package, cli, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    done = cli("run", "pix2pix", "--dataset", f"{scheme}://bucket/set")
    assert done.code == 8
    assert f"{scheme}:// needs {package}, which is not installed" in done.err
    assert f'python -m pip install "imtrans[remote]" {package}' in done.err


def test_a_store_can_be_pickled(server):
    store = pickle.loads(pickle.dumps(open_store(server.address, cache_bytes=5, retries=QUICK)))
    assert len(store.read_range(SHARD, 0, 100)) == 100


@pytest.mark.slow
def test_decoded_pictures_of_a_store_are_cached_from_run_to_run(server, tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    chosen = config({}, dataset=ComponentRef("shards", {"path": server.address, "cache": 0}))
    for is_first in (True, False):
        (loading,) = with_cache([open_split(chosen, "train")], "auto")
        server.sent.clear()
        pictures = [loading.sample(index).source for index in range(20)]
        assert len(server.sent) == (20 if is_first else 0)
        assert len({picture.tobytes() for picture in pictures}) == 20
