"""Decoded samples are kept between epochs and runs, and change nothing but the time that loading takes."""

import errno
import importlib.metadata
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import config, job, pairs
from PIL import Image

from imtrans.atomic_io import digest
from imtrans.engine import build
from imtrans.engine.data import cache, cache_format
from imtrans.engine.data.cache import with_cache
from imtrans.engine.data.loader import Samples, loader, prepare
from imtrans.engine.data.pair_loader import open_split, open_training
from imtrans.engine.data.prefetch import Prefetcher
from imtrans.engine.data.sampler import EpochSampler, SampleIndex
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.training import trainer
from imtrans.errors import DataError
from imtrans.kit.images import decode
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef

COUNT = 7


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def data(tmp_path, home):
    return pairs(tmp_path / "pairs", train=COUNT, val=1, size=20)


def bare(data, **settings):
    return open_split(config({"data.size": "16", **settings}, dataset=data), "train")


def kept(data, cache="auto", **settings):
    [loading] = with_cache([bare(data, **settings)], cache)
    return loading


def fed(loading, *, workers=0, steps=8, world=None):
    """What the feed gives in two epochs, batch by batch: keys, draws, both sides."""
    order = EpochSampler(count=len(loading.source.dataset), batch_size=2, seed=4, steps=steps)
    feed = Prefetcher(loading=loading, order=order, workers=workers, world=world or ProcessGroup())
    return [(s.keys, s.draws, s.source, s.target, s.extras) for _, stored in feed for s in stored]


def assert_same(one, other):
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        assert mine[0] == theirs[0]
        assert all(a.dtype == b.dtype for a, b in zip(mine[1:4], theirs[1:4], strict=True))
        assert all(np.array_equal(a, b) for a, b in zip(mine[1:4], theirs[1:4], strict=True))
        assert mine[4].keys() == theirs[4].keys()
        assert all(np.array_equal(mine[4][k], theirs[4][k]) for k in mine[4])


def decodings(monkeypatch):
    """A list that grows by the name of each file that is decoded in this process."""
    seen = []

    def counted(path, **options):
        seen.append(path.name)
        return decode(path, **options)

    monkeypatch.setattr("imtrans.kit.images.conform.decode", counted)
    return seen


def files(home):
    return sorted((home / "decoded").glob("*.map"))


def filled(data, **settings):
    loading = kept(data, **settings)
    fed(loading)
    assert loading.cache.is_whole
    return loading


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_with_and_without_in_the_first_epoch_and_later(workers, data):
    plain = fed(bare(data))
    loading = kept(data)
    assert_same(fed(loading, workers=workers), plain)
    assert loading.cache.is_whole
    assert_same(fed(loading, workers=workers), plain)
    assert_same(fed(kept(data), workers=workers), plain)


def test_two_devices_fill_one_file_and_get_the_same(data, home):
    worlds = [ProcessGroup(rank=r, size=2) for r in range(2)]
    plain = [fed(bare(data), world=w) for w in worlds]
    loadings = [kept(data) for _ in worlds]
    for _ in range(2):
        for loading, world, wanted in zip(loadings, worlds, plain, strict=True):
            assert_same(fed(loading, world=world), wanted)
    assert len(files(home)) == 1
    assert all(loading.cache.is_whole for loading in loadings)


def test_nothing_is_decoded_twice_not_even_by_the_next_run(data, monkeypatch):
    seen = decodings(monkeypatch)
    fed(filled(data))
    first = [*seen]
    assert set(first) == {f"{i}.png" for i in range(COUNT)}
    seen.clear()
    again = kept(data)
    seen.clear()  # the data set looks at its first picture when it is made
    fed(again)
    assert seen == []


def test_once_all_is_there_the_main_process_gathers(data, monkeypatch):
    asked = []

    def noted(loading, batches, *, workers):
        asked.append(workers)
        return loader(loading, batches, workers=workers)

    monkeypatch.setattr("imtrans.engine.data.prefetch.loader", noted)
    loading = kept(data)
    fed(loading, workers=2, steps=12)
    assert asked == [2, 0]
    fed(loading, workers=2, steps=12)
    assert asked == [2, 0, 0]


@pytest.mark.parametrize("turned", ["AtoB", "BtoA"])
def test_unpaired_sets_get_the_same_partners(turned, data):
    def unpaired(loading):
        source = loading.source
        component = source.resolved.component
        unpaired = replace(component, info=replace(component.info, is_paired=False))
        return replace(
            loading, source=replace(source, resolved=replace(source.resolved, component=unpaired), built=None)
        )

    plain = unpaired(bare(data, **{"data.direction": turned}))
    [loading] = with_cache([plain], "auto")
    wanted = fed(plain)
    assert len({key.split("-")[1] for keys, *_ in wanted for key in keys}) > 2
    for _ in range(3):
        assert_same(fed(loading), wanted)
    assert loading.cache.is_whole


@pytest.mark.slow
def test_each_direction_size_filter_and_data_set_has_its_own(data, home, tmp_path):
    other = pairs(tmp_path / "other", train=COUNT, val=1, size=20)
    settings = [{}, {"data.direction": "BtoA"}, {"data.size": "8"}, {"data.interpolation": "nearest"}]
    for each, chosen in [*((data, s) for s in settings), (other, {})]:
        plain = fed(bare(each, **chosen))
        assert_same(fed(kept(each, **chosen)), plain)
        assert_same(fed(kept(each, **chosen)), plain)
    assert len(files(home)) == 5


def rewritten(path, value, *, size=20):
    Image.fromarray(np.full((size, 2 * size, 3), value, np.uint8)).save(path)


def test_a_changed_file_is_decoded_again_and_the_others_are_not(data, tmp_path, monkeypatch):
    filled(data)
    rewritten(tmp_path / "pairs" / "train" / "3.png", 9)
    seen = decodings(monkeypatch)
    loading = kept(data)
    seen.clear()
    found = fed(loading)
    assert set(seen) == {"3.png"}
    assert_same(found, fed(bare(data)))
    assert loading.cache.is_whole


def test_files_that_came_and_went_move_the_others_and_no_one_is_decoded_for_it(data, tmp_path, monkeypatch):
    filled(data)
    train = tmp_path / "pairs" / "train"
    (train / "1.png").unlink()
    rewritten(train / "00.png", 77)
    rewritten(train / "55.png", 78)
    seen = decodings(monkeypatch)
    loading = kept(data)
    found = fed(loading)
    assert set(seen) - {"0.png"} == {"00.png", "55.png"}, "a run looks at the first in any case"
    assert_same(found, fed(bare(data)))


def test_a_run_that_reads_the_old_file_goes_on_beside_one_that_reads_the_new(data, tmp_path):
    plain = fed(bare(data))
    old = filled(data)
    rewritten(tmp_path / "pairs" / "train" / "3.png", 9)
    new = kept(data)
    changed = fed(new)
    assert_same(fed(old), plain)
    assert_same(changed, fed(bare(data)))
    assert_same(fed(new), changed)


def test_a_file_that_changes_before_it_is_read_is_not_kept_as_what_it_was(data, tmp_path):
    loading = kept(data)
    path = tmp_path / "pairs" / "train" / "3.png"
    before = path.stat()
    rewritten(path, 9)
    fed(loading)
    assert not loading.cache.is_whole
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 5))
    again = kept(data)
    assert_same(fed(again), fed(bare(data)))


@pytest.mark.parametrize("name", ["tifffile", "imagecodecs"])
def test_another_version_of_what_reads_tiff_decodes_again(name, data, monkeypatch):
    filled(data)
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda n: "0.1" if n == name else version(n))
    seen = decodings(monkeypatch)
    loading = kept(data)
    seen.clear()
    fed(loading)
    assert set(seen) == {f"{i}.png" for i in range(COUNT)}


def test_other_code_of_the_data_set_decodes_again(data, monkeypatch):
    filled(data)
    monkeypatch.setattr(cache, "_sources", lambda module: [])
    seen = decodings(monkeypatch)
    loading = kept(data)
    seen.clear()
    fed(loading)
    assert set(seen) == {f"{i}.png" for i in range(COUNT)}


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["cut", "empty", "header", "format", "rubbish", "longer"])
def test_a_file_that_is_not_whole_is_made_anew(fault, data, home):
    plain = fed(filled(data))
    [path] = files(home)
    content = path.read_bytes()
    spoilt = {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "header": content[:100] + b"?" + content[101:],
        "format": content.replace(b"decoded 1", b"decoded 0", 1),
        "rubbish": os.urandom(len(content)),
        "longer": content + b"\0",
    }[fault]
    path.write_bytes(spoilt)
    loading = kept(data)
    assert_same(fed(loading), plain)
    assert_same(fed(loading), plain)
    assert loading.cache.is_whole
    assert path.stat().st_size == len(content)


@pytest.mark.slow
def test_a_slot_whose_bytes_are_not_those_of_its_stamp_is_decoded_again(data, home):
    """As after a power cut, when the stamp reached the disk and the pixels did not; and any changed bit."""
    loading = filled(data)
    plain, layout = fed(loading), loading.cache.layout
    [path] = files(home)
    with path.open("r+b") as file:
        for start, position in ((layout.offsets[2], 5), (layout.offsets[3] + layout.sides[1].bytes * 4, 11)):
            file.seek(start + position)
            byte = file.read(1)[0]
            file.seek(start + position)
            file.write(bytes([byte ^ 1]))
        file.seek(layout.offsets[1] + 2 * cache_format.NAME.itemsize + 8)  # a letter of the third key
        file.write(b"?")
    again = kept(data)
    assert [again.cache.get(i) is None for i in range(COUNT)] == [i in (0, 2, 4) for i in range(COUNT)]
    assert_same(fed(again), plain)
    assert_same(fed(kept(data)), plain)
    assert all(kept(data).cache.get(i) for i in range(COUNT))


class Killed(BaseException):
    """The end of the process, as far as the file is concerned: nothing of it is buffered."""


def killed_after(writes, *, monkeypatch):
    """Have the process end in the midst of a write."""
    whole, left = cache_format._write, [writes]

    def cut(descriptor, content, offset):
        left[0] -= 1
        whole(descriptor, bytes(content)[:6] if left[0] < 0 else content, offset)
        if left[0] < 0:
            raise Killed

    monkeypatch.setattr(cache_format, "_write", cut)


@pytest.mark.slow
def test_an_end_in_the_midst_of_a_write_leaves_nothing_wrong(data, home, monkeypatch):
    """One write makes the file; then each sample takes four: source, target, name, stamp."""
    plain = fed(bare(data))
    for writes in (0, 1, 2, 3, 4, 5, 18, 4 * COUNT):
        shutil.rmtree(home / "decoded", ignore_errors=True)
        with monkeypatch.context() as patch:
            killed_after(writes, monkeypatch=patch)
            with pytest.raises(Killed):
                fed(kept(data))
        loading = kept(data)
        found = sum(loading.cache.get(i) is not None for i in range(COUNT))
        assert found == max(0, (writes - 1) // 4)
        assert_same(fed(loading, steps=4), plain[:4])
        assert [p.suffix for p in (home / "decoded").iterdir()] == [".map"]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_disk_costs_the_cache_and_not_the_run(workers, data, monkeypatch, capfd):
    plain, loading, real, left = fed(bare(data)), kept(data), os.pwrite, [4]

    def full(descriptor, content, offset):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content, offset)

    monkeypatch.setattr(os, "pwrite", full)
    assert_same(fed(loading, workers=workers), plain)
    said = capfd.readouterr().err
    # Once, and with loading processes once in each that met it.
    assert 1 <= said.count("Warning: decoded pictures are not cached: ") <= max(1, workers)
    assert said.endswith("No space left on device\n")
    monkeypatch.setattr(os, "pwrite", real)
    assert_same(fed(kept(data)), plain)


def test_a_cache_folder_that_cannot_be_made_or_written_is_noted_once(data, tmp_path, monkeypatch, capsys):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    monkeypatch.setenv("IMTRANS_HOME", str(blocked / "home"))
    loadings = with_cache([bare(data), bare(data)], "auto")
    assert [loading.cache for loading in loadings] == [None, None]
    said = capsys.readouterr().err
    assert said.count("Warning: decoded pictures are not cached: folder") == 1
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path))
    (tmp_path / "decoded").write_text("a file")
    assert with_cache([bare(data)], "on")[0].cache is None
    assert "Warning: decoded pictures are not cached: " in capsys.readouterr().err


def test_what_does_not_fit_is_not_kept_unless_it_is_asked_for(data, home, monkeypatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 10_000)
    assert kept(data).cache is None
    assert not files(home)
    assert kept(data, "on").cache is not None


def test_a_quarter_of_the_free_disk_is_the_limit(data, home, monkeypatch):
    usage = shutil.disk_usage(os.path.dirname(home))
    size = filled(data).cache.layout.bytes
    shutil.rmtree(home)
    for free, is_kept in ((4 * size - 1, False), (4 * size, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda folder, free=free: usage._replace(free=free))
        assert (kept(data).cache is not None) is is_kept


def test_drawn_pictures_and_pictures_of_their_own_sizes_are_not_kept_by_themselves(data, home):
    drawn = ComponentRef("toy", {"pairs": 3})
    assert kept(drawn).cache is None
    assert kept(data, "off").cache is None
    assert kept(data, "on", **{"data.size": "[]"}).cache is None
    assert not files(home)
    loading = kept(drawn, "on")
    assert_same(fed(loading), fed(bare(drawn)))
    assert loading.cache.is_whole


def test_label_maps_of_another_type_stay_as_they_are(tmp_path, home):
    for split in ("train", "val"):
        for side, mode in (("A", "L"), ("B", "RGB")):
            folder = tmp_path / "streets" / split / side
            folder.mkdir(parents=True)
            for index in range(3):
                values = np.full((20, 20, 3) if mode == "RGB" else (20, 20), index, np.uint8)
                Image.fromarray(values).save(folder / f"{index}.png")
    data = ComponentRef("folder", {"path": str(tmp_path / "streets"), "labels": "source", "classes": 3})
    plain, loading = fed(bare(data)), kept(data)
    for _ in range(2):
        assert_same(fed(loading), plain)
    assert loading.cache.layout.sides[0].shape == (1, 16, 16)


def test_a_bad_sample_is_skipped_as_without(data, tmp_path, monkeypatch):
    """`--skip-invalid`: what cannot be decoded is never kept, and the same others serve for it."""
    from imtrans.engine.data.skipped_samples import SkipLog

    path = tmp_path / "pairs" / "train" / "4.png"
    path.write_bytes(path.read_bytes()[:60])
    plain, loading = bare(data), kept(data)
    with pytest.raises(DataError, match=r"4\.png"):
        fed(loading)
    record = SkipLog(path=tmp_path / "skipped.jsonl", split="train")
    wanted = fed(replace(plain, skip_log=record))
    for workers in (0, 2, 0):
        assert_same(fed(replace(loading, skip_log=record), workers=workers), wanted)
    assert not loading.cache.is_whole


def test_a_pickled_loading_finds_its_cache_again(data):
    loading = filled(data)
    copy = pickle.loads(pickle.dumps(loading))
    assert copy.cache.is_whole
    assert_same(fed(copy), fed(loading))


def test_the_oldest_go_when_nobody_has_opened_them_for_a_month(data, home):
    filled(data)
    [path] = files(home)
    os.utime(path, (1, 1))
    filled(data, **{"data.size": "8"})
    assert path not in files(home)
    assert len(files(home)) == 1


def test_one_picture_at_a_time_is_the_same_too(data):
    loading, plain = filled(data), bare(data)
    for index in range(COUNT):
        mine, other = (Samples(each).collate([Samples(each)[SampleIndex(0, index)]]) for each in (loading, plain))
        assert np.array_equal(mine.source, other.source)
        assert np.array_equal(mine.target, other.target)
        assert mine.keys == other.keys


def test_moving_pixels_before_the_range_gives_the_same_bits(data):
    chosen = config({"data.size": "16", "augment.kornia-jitter.scale": "1.25"}, dataset=data)
    from factories import plugins

    loading, _, augment = open_training(chosen, build.ComponentFactory(Catalog(plugins().records)))
    [stored] = loader(loading, [[SampleIndex(0, i) for i in range(COUNT)]], workers=0)
    early = prepare(stored, loading.data_spec, torch.device("cpu"), augment)
    late = prepare(stored, loading.data_spec, torch.device("cpu"), [lambda b, c=c: c(b) for c in augment])
    assert early.source.shape == (COUNT, 3, 16, 16)
    assert torch.equal(early.source, late.source)
    assert torch.equal(early.target, late.target)


@pytest.mark.slow
def test_a_run_with_the_cache_is_the_run_without(data, tmp_path, home):
    settings = {"train.steps": "5", "data.size": "32", "metrics": "l1"}
    for name, mode in (("off", "off"), ("auto", "auto")):
        trainer.fit(job(tmp_path / name, {**settings, "data.cache": mode}, dataset=data))
    names = ("optimizer.safetensors", "rank-000.safetensors")
    without, given = ([digest(tmp_path / n / "step-000005" / file) for file in names] for n in ("off", "auto"))
    assert without == given
    assert [p.suffix for p in (home / "decoded").iterdir()] == [".map", ".map"], "training and validation"


@pytest.mark.slow
def test_a_program_that_ends_with_an_open_cache_says_nothing(tmp_path):
    """Python takes modules away at its end, and `__del__` would miss them: 'NoneType' object has no attribute."""
    program = (
        "import sys; from pathlib import Path; from factories import job, pairs\n"
        f"data = pairs(Path({str(tmp_path)!r}, 'pairs'))\n"
        f"made = job(Path({str(tmp_path)!r}, 'run'), {{'metrics': 'l1'}}, dataset=data)\n"
    )
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert (ended.returncode, ended.stderr) == (0, "")
