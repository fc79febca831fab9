"""Hugging Face data sets: parquet files and what save_to_disk wrote, with labels, deep colours and faults."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from factories import config
from PIL import Image

from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.validation.preflight import command
from imtrans.errors import ConfigError, DataError, DownloadError
from imtrans.kit.images.encode import encoded
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_dataset, plugin_file

datasets = pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
NUMBERS = np.random.default_rng(0)
SMALL = ["--set", "generator=unet64", "--set", "generator.depth=3", "--set", "data.size=32", "--set", "metrics=l1"]
PICTURES = NUMBERS.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def a_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf-cache")


def png(array):
    return {"bytes": encoded(Path("x.png"), array), "path": None}


def table(count=12, **more):
    columns = {
        "name": [f"scan.{i}" for i in range(count)],
        "photo": [png(picture) for picture in PICTURES[:count]],
        "drawing": [png(255 - picture) for picture in PICTURES[:count]],
        **more,
    }
    features = {"name": datasets.Value("string"), "photo": datasets.Image(), "drawing": datasets.Image()}
    features |= {name: datasets.Image() for name in more}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


@pytest.fixture
def parquet(tmp_path):
    (tmp_path / "set").mkdir()
    table().to_parquet(tmp_path / "set" / "train-00000-of-00001.parquet")
    table(3).to_parquet(tmp_path / "set" / "validation-00000-of-00001.parquet")
    return tmp_path / "set"


def opened(path, split="train", **options):
    columns = {"path": str(path), "source": "drawing", "target": "photo", **options}
    return open_split(config({}, dataset=ComponentRef("hf", columns)), split).source.dataset


def test_the_contract_of_data_sets(tmp_path):
    table().save_to_disk(tmp_path / "saved")
    with plugin_file():
        check_dataset("hf", path=str(tmp_path / "saved"), source="drawing", target="photo")


def test_parquet_columns_are_sides_and_its_splits_those_of_the_run(parquet):
    train, val, test = (opened(parquet, split, key="name") for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (12, 3, 3)
    assert [train.key(i) for i in (0, 11)] == ["scan.0", "scan.11"]
    pair = train[7]
    assert np.array_equal(pair.target, PICTURES[7])
    assert np.array_equal(pair.source, 255 - PICTURES[7])
    assert train.stamp(7) != train.stamp(8)
    assert train.description.sides == ("drawing", "photo")


def test_what_was_saved_to_disk_is_divided_where_it_has_one_split(tmp_path):
    table().save_to_disk(tmp_path / "saved")
    train, val = (opened(tmp_path / "saved", split) for split in ("train", "val"))
    assert len(train) + len(val) == 12
    assert len(val) >= 1
    assert not {train.key(i) for i in range(len(train))} & {val.key(i) for i in range(len(val))}


@pytest.mark.slow
def test_an_address_trains(parquet, cli):
    address = f"hf:{parquet}?source=drawing&target=photo&key=name"
    done = cli("run", "pix2pix", "--dataset", address, "--name", "one", "--steps", "2", *SMALL)
    assert done.code == 0, done.err
    assert "from drawing to photo" in done.err
    assert "version " in done.err
    done = cli("data", "check", address)
    assert done.code == 0, done.out + done.err


def test_deep_colours_stay_deep_and_label_maps_are_classes(tmp_path):
    deep = [png(picture.astype(np.uint16) * 257) for picture in PICTURES]
    maps = [png(picture[..., :1] % 5) for picture in PICTURES]
    table(deep=deep, maps=maps).save_to_disk(tmp_path / "saved")
    dataset = opened(tmp_path / "saved", source="deep", target="maps", labels="target", classes=5)
    assert dataset.data_spec.source.bits == 16
    pair = dataset[0]
    number = int(pair.key)
    assert np.array_equal(pair.source, PICTURES[number].astype(np.uint16) * 257)
    assert np.array_equal(pair.target, PICTURES[number][..., :1] % 5)
    with pytest.raises(ConfigError, match=r"dataset\.classes is not set; the first label map holds values up to 4"):
        opened(tmp_path / "saved", source="deep", target="maps", labels="target")
    few = opened(tmp_path / "saved", source="deep", target="maps", labels="target", classes=3)
    with pytest.raises(DataError, match=r"row \d+, column maps: value 4; allowed are 0 to 2"):
        [few[i] for i in range(len(few))]


def test_grey_among_colours_is_read_as_colour(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(PICTURES[0][..., 0]).save(stream, "JPEG")
    mixed = [{"bytes": stream.getvalue(), "path": None}, *(png(picture) for picture in PICTURES[1:])]
    table(mixed=mixed).save_to_disk(tmp_path / "saved")
    dataset = opened(tmp_path / "saved", target="mixed")
    assert {dataset[i].target.shape for i in range(len(dataset))} == {(16, 16, 3)}
    assert "1 grey 8 bit" in dataset.description.contents[1]


def test_a_cell_without_a_picture_is_named_and_can_be_skipped(tmp_path, cli):
    broken = [png(picture) for picture in PICTURES]
    broken[4] = {"bytes": b"words", "path": None}
    table(broken=broken).save_to_disk(tmp_path / "saved")
    address = f"hf:{tmp_path / 'saved'}?source=drawing&target=broken"
    run = cli("run", "pix2pix", "--dataset", address, "--steps", "1", "--skip-invalid", *SMALL)
    assert run.code == 0, run.err
    done = cli("data", "check", address)
    assert done.code == 3
    assert "row 4, column broken: not a picture" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"target": "foto"}, r"dataset\.target: no column 'foto'; did you mean 'photo'\?"),
        ({"target": "name"}, r"row 0, column name: a str, no picture"),
    ],
)
def test_columns_that_are_no_pictures_are_named(options, what, parquet):
    with pytest.raises(DataError, match=what):
        opened(parquet, **options)


def test_a_folder_without_data_and_a_hub_that_is_away_are_named(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"hf:.*empty: "):
        opened(tmp_path / "empty")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises((DataError, DownloadError), match=r"hf:nobody/nothing: "):
        opened("nobody/nothing")


def test_the_extra_is_named_where_it_is_not_installed(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    done = cli("run", "pix2pix", "--dataset", "hf:user/name?source=a&target=b")
    assert done.code == 8
    assert 'python -m pip install "imtrans[hf]"' in done.err


def test_the_set_needs_a_name(cli):
    done = cli("run", "pix2pix", "--dataset", "hf")
    assert done.code == 2
    assert "data set 'hf' needs its name" in done.err


def test_the_command_that_lists_all_faults_names_the_columns():
    chosen = config({}, dataset=ComponentRef("hf", {"path": "saved", "source": "drawing", "target": "photo"}))
    assert command(chosen) == "imtrans data check 'hf:saved?source=drawing&target=photo'"
