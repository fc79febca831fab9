"""CIFAR-10, the COCO sample, and the pair makers over any data set's photos."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from factories import SMALL, config
from PIL import Image

from imtrans.engine.data.source import dataset_source
from imtrans.errors import ConfigError, DataError
from imtrans.kit.images import resize
from imtrans.plugins.component import ComponentRef
from imtrans_datasets import source_filters

RECORD = 3073


def photo(number):
    return np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.fixture
def cifar(tmp_path):
    """The folder's parent. Each file is sparse: only its first and its last record hold a photo."""
    folder = tmp_path / "sets" / "cifar10"
    folder.mkdir(parents=True)
    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        with (folder / f"{name}.bin").open("wb") as file:
            file.truncate(RECORD * 10_000)
            for row in (0, 9999):
                file.seek(row * RECORD)
                planes = np.moveaxis(photo(10 * number + bool(row)), -1, 0)  # red, green, blue
                file.write(bytes([7]) + planes.tobytes())
    return tmp_path / "sets"


def made(name, split="train", size=(32,), settings=None, **options):
    chosen = config(settings, dataset=ComponentRef(name, options))
    return dataset_source(chosen, split, size)


def test_cifars_records_are_read_in_order_without_the_class(cifar):
    train = made("cifar10", root=str(cifar)).dataset
    assert len(train) == 50_000
    for index, number in ((0, 0), (9999, 1), (10_000, 10), (49_999, 41), (-1, 41)):
        pair = train[index]
        assert np.array_equal(pair.target, photo(number))
        assert np.array_equal(pair.source, pair.target)
    assert train[49_999].key == "data_batch_5-9999"
    assert train.files(10_000) == [cifar / "cifar10" / "data_batch_2.bin"]
    with pytest.raises(IndexError):
        train[50_000]


def test_cifars_test_photos_serve_for_validation_and_it_is_said(cifar):
    for split in ("val", "test"):
        found = made("cifar10", split, root=str(cifar)).dataset
        assert len(found) == 10_000
        assert np.array_equal(found[9999].target, photo(51))
    assert made("cifar10", "val", root=str(cifar)).dataset.description.notes == ("no val photos: test serves",)


def test_a_part_of_cifars_training_photos_is_split_as_in_the_pencil_project(cifar):
    """The first 8,000 of them: 7,964 to train on, the last 36 to look at. One file is all that is needed."""
    with (cifar / "cifar10" / "data_batch_1.bin").open("r+b") as file:
        for index in (7963, 7964, 7999):
            file.seek(index * RECORD)
            file.write(bytes([3]) + np.moveaxis(photo(index), -1, 0).tobytes())
    for other in ("data_batch_2", "data_batch_5", "test_batch"):
        (cifar / "cifar10" / f"{other}.bin").unlink()
    part = {"root": str(cifar), "pictures": 8000, "held": 36}
    train = made("cifar10", **part).dataset
    assert len(train) == 7964
    assert np.array_equal(train[7963].target, photo(7963))
    for split in ("val", "test"):
        held = made("cifar10", split, **part).dataset
        assert (len(held), held[0].key) == (36, "data_batch_1-7964")
        assert np.array_equal(held[0].target, photo(7964))
        assert np.array_equal(held[-1].target, photo(7999))
    note = "of the first 8,000 training photos the last 36 are held back: they are val and test"
    assert held.description.notes == (note,)


def test_a_part_may_reach_over_files_and_leave_the_test_photos_to_the_rest(cifar):
    train = made("cifar10", root=str(cifar), pictures=10_001).dataset
    assert (len(train), [p.name for p in train.paths]) == (10_001, ["data_batch_1.bin", "data_batch_2.bin"])
    assert np.array_equal(train[10_000].target, photo(10))
    assert np.array_equal(made("cifar10", "val", root=str(cifar), pictures=10_001).dataset[9999].target, photo(51))
    held = made("cifar10", "val", root=str(cifar), held=1).dataset
    assert (len(held), held[0].key) == (1, "data_batch_5-9999")
    assert np.array_equal(held[0].target, photo(41))


def test_a_part_that_leaves_nothing_to_train_on_is_refused(cifar):
    with pytest.raises(ConfigError, match="held 36 of 36 pictures leaves none to train on"):
        len(made("cifar10", root=str(cifar), pictures=36, held=36).dataset)
    with pytest.raises(ConfigError, match="pictures"):
        config({"dataset.photos": '{name="cifar10", pictures=50001}'}, dataset=ComponentRef("pencil"))


def test_the_pencil_recipe_trains_on_the_photos_of_its_project(cifar):
    free = dict.fromkeys(SMALL, "")
    chosen = config({**free, "dataset.root": str(cifar)}, recipe="pencil2color")
    assert len(dataset_source(chosen, "train", (128,)).dataset) == 7964
    assert len(dataset_source(chosen, "val", (128,)).dataset) == 36
    chosen = config({**free, "dataset.root": str(cifar), "dataset.photos": "cifar10"}, recipe="pencil2color")
    assert len(dataset_source(chosen, "train", (128,)).dataset) == 50_000


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, RECORD - 1, RECORD * 10_000 - 1, RECORD * 9_999, RECORD * 10_001])
def test_a_cifar_file_of_another_size_is_refused_by_its_name(cifar, size):
    path = cifar / "cifar10" / "data_batch_3.bin"
    with path.open("r+b") as file:
        file.truncate(size)
    with pytest.raises(DataError, match=rf"data_batch_3\.bin: has {size:,} bytes, not 10,000 records") as caught:
        len(made("cifar10", root=str(cifar)).dataset)
    assert "imtrans data fetch cifar10" in caught.value.hint
    assert "Delete" not in caught.value.hint, "what lies under a root is the user's own"
    path.unlink()
    with pytest.raises(DataError, match=r"data_batch_3\.bin: No such file"):
        len(made("cifar10", root=str(cifar)).dataset)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pencil", "grey", "lab", "edges", "inpaint"])
def test_every_maker_takes_the_photos_of_a_set_as_it_takes_those_of_a_folder(cifar, tmp_path, name):
    folder = tmp_path / "photos" / "train"
    folder.mkdir(parents=True)
    (tmp_path / "photos" / "val").mkdir()
    for place in ("train", "val"):
        Image.fromarray(photo(0)).save(tmp_path / "photos" / place / "0.png")
    theirs = made(name, size=(48,), root=str(folder.parent)).dataset[0]
    ours = made(name, size=(48,), root=str(cifar), photos=ComponentRef("cifar10")).dataset[0]
    assert np.array_equal(ours.source, theirs.source)
    assert np.array_equal(ours.target, theirs.target)


def test_the_pencil_is_made_of_the_resized_photo_as_in_the_project(cifar):
    pairs = made("pencil", size=(128,), photos=ComponentRef("cifar10", {"root": str(cifar)})).dataset
    wanted = resize(photo(0), (128, 128))
    assert np.array_equal(pairs[0].target, wanted)
    assert np.array_equal(pairs[0].source, source_filters.pencil(wanted))
    assert pairs.files(0) == [cifar / "cifar10" / "data_batch_1.bin"]


def test_other_processes_rebuild_the_set_in_the_set(cifar):
    source = made("grey", photos=ComponentRef("cifar10", {"root": str(cifar)}))
    assert len(source.dataset) == 50_000
    copy = pickle.loads(pickle.dumps(source))
    assert copy.built is None
    assert np.array_equal(copy.dataset[7].target, source.dataset[7].target)


def test_of_a_set_of_pairs_the_target_is_the_photo(tmp_path):
    """Facades go from B, the labels, to A, the photo."""
    whole = np.concatenate([photo(1), photo(2)], axis=1)
    (tmp_path / "facades" / "train").mkdir(parents=True)
    (tmp_path / "facades" / "val").mkdir()
    for place in ("train/1.png", "val/2.png"):
        Image.fromarray(whole).save(tmp_path / "facades" / place)
    pairs = made("grey", photos=ComponentRef("facades", {"root": str(tmp_path)})).dataset
    assert np.array_equal(pairs[0].target, photo(1))
    assert pairs.files(0) == (tmp_path / "facades" / "train" / "1.png",)
    assert pairs.data_spec.source.space == "grey"


def test_the_sets_advice_goes_before_the_makers():
    free = {"data.size": "", "data.batch_size": "", "generator.depth": "", "train.steps": "", "generator.width": ""}
    chosen = config({**free, "dataset.photos": "cifar10"}, dataset=ComponentRef("pencil"))
    assert (chosen.data.size, chosen.data.batch_size, chosen.train.epochs) == ((128,), 128, 200)
    assert (chosen.parts["generator"][0].options.depth, chosen.origins["data.size"]) == (7, "dataset cifar10")
    assert config(free, dataset=ComponentRef("pencil")).data.batch_size == 4
    told = config({**free, "dataset.photos": "cifar10", "data.batch_size": "2"}, dataset=ComponentRef("pencil"))
    assert told.data.batch_size == 2


def test_what_cannot_be_the_photos_is_refused_with_help(tmp_path):
    with pytest.raises(ConfigError, match=r"dataset\.photos: no dataset 'cifr10'; did you mean 'cifar10'\?"):
        config({"dataset.photos": "cifr10"}, dataset=ComponentRef("pencil"))
    with pytest.raises(ConfigError, match=r"cifar10 has no option 'rot'; did you mean 'root'\?"):
        config(dataset=ComponentRef("pencil", {"photos": ComponentRef("cifar10", {"rot": "x"})}))
    with pytest.raises(ConfigError, match="dataset 'cad' has no option 'root'"):
        len(made("grey", root=str(tmp_path), photos=ComponentRef("cad")).dataset)
    with pytest.raises(ConfigError, match=r"--set dataset\.photos=cifar10") as caught:
        len(made("grey").dataset)
    assert "--data-root PHOTOS" in str(caught.value)


@pytest.mark.slow
def test_the_first_four_fifths_of_the_coco_photos_are_trained_on(tmp_path):
    folder = tmp_path / "coco-sample" / "train_sample"
    folder.mkdir(parents=True)
    for number in range(11):
        Image.fromarray(photo(number)).convert("L" if number == 3 else "RGB").save(folder / f"{number:03}.png")
    train, val = (made("coco-sample", split, root=str(tmp_path)).dataset for split in ("train", "val"))
    assert [train[i].key for i in range(len(train))] == [f"{i:03}" for i in range(8)]
    assert [val[i].key for i in range(len(val))] == ["008", "009", "010"]
    assert train[3].target.shape == (32, 32, 3), "grey ones among them are repeated to three channels"
    assert "the first 80% of the photos" in train.description.notes[0]
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(DataError, match="0 pictures in"):
        len(made("coco-sample", root=str(tmp_path)).dataset)


def test_anime_goes_from_the_right_half_to_the_left(tmp_path):
    chosen = config(dataset=ComponentRef("anime", {"root": str(tmp_path)}))
    assert chosen.direction == "BtoA"
    (tmp_path / "anime" / "train").mkdir(parents=True)
    whole = np.concatenate([photo(1), photo(2)], axis=1)
    (tmp_path / "anime" / "val").mkdir()
    for place in ("train/1.png", "val/2.png"):
        Image.fromarray(whole).save(tmp_path / "anime" / place)
    pair = dataset_source(chosen, "train", ()).dataset[0]
    assert np.array_equal(pair.target, photo(2)), "the sketch, side B: the source once the direction is taken"


THEIRS = """
from imtrans import Component, DatasetInfo, hookimpl

@hookimpl
def imtrans_provide():
    yield Component(kind="dataset", name="their-photos", target="theirs_load:Photos", summary="",
                    info=DatasetInfo(is_paired=False), needs_context=True)
"""
LOADS = """
import numpy as np
from imtrans.interfaces import Pair, DatasetDescription, DataSpec
from imtrans.kit.bases import BaseDataset

class Photos(BaseDataset):
    data_spec = DataSpec()
    description = DatasetDescription(notes=["six photos of one colour"])
    def __init__(self, *, context):
        self.values = range(4) if context.split == "train" else range(4, 6)
    def __len__(self):
        return len(self.values)
    def __getitem__(self, index):
        photo = np.full((8, 8, 3), 40 * self.values[index], np.uint8)
        return Pair(source=photo, target=photo, key=str(index))
"""


def test_somebody_elses_photos_do_as_well(cli, plugin_dist, tmp_path):
    from imtrans.kit.images import decode

    plugin_dist("theirs", theirs=THEIRS, theirs_load=LOADS)
    done = cli("data", "make", "grey", "--set", "dataset.photos=their-photos", "-o", "pairs")
    assert done.code == 0, done.err
    assert sorted(p.name for p in Path("pairs/train").iterdir()) == [f"00000{i}-{i}.png" for i in range(4)]
    assert (decode(Path("pairs/val/000001-1.png")) == 200).all()


def test_a_run_on_photos_that_are_not_there_says_how_they_come(cli, tmp_path):
    ended = cli("run", "pix2pix", "--dataset", "pencil", "--set", "dataset.photos=cifar10", "--offline")
    assert ended.code == 3
    assert f"data set 'cifar10': {tmp_path / 'home' / 'datasets' / 'cifar10'} is not there, and --offline" in ended.err
    assert "imtrans data fetch cifar10\nPut its data_batch_*.bin and test_batch.bin into " in ended.err
    ended = cli("run", "pix2pix", "--dataset", "pencil", "--set", "dataset.photos=cifar10", "--data-root", "sets")
    assert ended.code == 3
    assert "data set 'cifar10': sets/cifar10 and " in ended.err


def test_photos_that_all_lie_in_test_are_named_where_they_can_be_trained_on(cli, tmp_path):
    (tmp_path / "mine" / "test").mkdir(parents=True)
    for i in range(12):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(
            tmp_path / "mine" / "test" / f"{i}.png"
        )
    folder = Path("mine", "test")
    advice = cli("data", "check", "mine").err
    assert f"--dataset pencil --data-root {folder} (or" in advice
    refused = cli("data", "check", "grey", "--data-root", "mine")
    assert (refused.code, f"--data-root {folder}" in refused.err) == (3, True)
    assert cli("data", "check", "grey", "--data-root", str(folder)).code == 0
