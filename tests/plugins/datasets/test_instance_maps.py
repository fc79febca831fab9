"""Label maps with instance maps, from the folder to the trained model (pix2pixHD)."""

import numpy as np
import pytest
import torch
from PIL import Image

import imtrans
from imtrans.config.resolve import resolve
from imtrans.config.sources import Assignment, Layer
from imtrans.engine import build
from imtrans.engine.data.pair_loader import open_split
from imtrans.errors import ConfigError, DataError, ShapeError
from imtrans.testing import check_dataset

CLASSES = 5
SMALL = "generator.width=4 generator.downs=2 generator.blocks=1 discriminator.width=4 data.size=32 data.batch_size=2"


@pytest.fixture
def streets(tmp_path):
    """Pairs in A (labels) and B (photos), and their instance maps of 16 bits."""
    random = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        for number in range(count):
            things = np.kron(random.integers(0, 2**16, (4, 4)), np.ones((8, 8), int)).astype(np.uint16)
            labels = (things % CLASSES).astype(np.uint8)
            photo = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            for place, picture in ((f"{split}/A", labels), (f"{split}/B", photo), (f"instance/{split}", things)):
                path = tmp_path / "streets" / place / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(path)
    return tmp_path / "streets"


def options(streets, **more):
    wanted = {"path": str(streets), "labels": "source", "classes": CLASSES, "instances": str(streets / "instance")}
    return {**wanted, **more}


def test_the_data_set_keeps_the_contract(streets):
    check_dataset("folder", size=(32,), **options(streets))


@pytest.mark.parametrize(("generator", "count"), [("pix2pixhd-global", 182_546_755), ("pix2pixhd-local", 182_857_059)])
def test_the_recipe_has_the_known_parameters_for_35_classes_and_edges(generator, count, streets, catalog):
    settings = {**{f"dataset.{k}": v for k, v in options(streets, classes=35).items()}, "generator": generator}
    layers = [Layer("test", [Assignment.of(k, v, k) for k, v in {"dataset": "folder", **settings}.items()])]
    config = resolve(catalog, "pix2pixhd", layers=layers)
    data_spec = open_split(config, "train").data_spec
    assert data_spec.source.num_channels == 36
    meta = torch.device("meta")
    with meta:
        model = build.model(config, data_spec, factory=build.ComponentFactory(catalog), device=meta, seed=0)
    counts = {name: sum(p.numel() for p in network.parameters()) for name, network in model.networks.items()}
    assert counts == {"generator": count, "discriminator": 5_603_202}


def flags(*settings):
    return [word for setting in settings for word in ("--set", setting)]


@pytest.fixture
def street(cli, streets):
    """A run of two steps."""
    data = flags("dataset.labels=source", f"dataset.classes={CLASSES}", f"dataset.instances={streets / 'instance'}")
    steps = ["--steps", "2", "--device", "cpu", "--set", "train.num_samples=1", "--set", "metrics=l1"]
    done = cli("run", "pix2pixhd", "--dataset", str(streets), "--name", "street", *data, *flags(*SMALL.split()), *steps)
    assert done.code == 0, done.err
    assert "labels of 5 classes with instance maps" in done.out + done.err
    return streets


@pytest.mark.slow
def test_a_trained_model_finds_the_maps_and_says_where_it_looked(cli, street, tmp_path):
    pictures, maps = str(street / "val" / "A"), str(street / "instance")
    told = cli("translate", "street", pictures, "-o", "out", "--instances", maps)
    assert told.code == 0, told.err
    missing = cli("translate", "street", pictures, "-o", "none")
    assert missing.code != 0
    assert "no instance map of it in" in missing.err
    assert "--instances DIR" in missing.err
    judged = cli("evaluate", "street", "--json")
    assert judged.code == 0, judged.err
    for kept in sorted((street / "instance" / "val").glob("*.png")):
        (street / "val" / "instance").mkdir(exist_ok=True)
        kept.rename(street / "val" / "instance" / kept.name)
    assert cli("translate", "street", pictures, "-o", "again").code == 0  # beside the folder of the label maps
    same = [np.asarray(Image.open(tmp_path / place / "0.png")) for place in ("out", "again")]
    assert np.array_equal(*same)
    lost = cli("evaluate", "street")
    assert lost.code == 3
    assert "no instance map of it in" in lost.err


@pytest.mark.slow
def test_edges_change_what_the_model_makes(street):
    model = imtrans.load("street")
    labels = np.asarray(Image.open(street / "val" / "A" / "0.png"))[..., None]
    things = np.asarray(Image.open(street / "instance" / "val" / "0.png"))[..., None].astype(np.int32)
    with_edges = model.translate(np.concatenate([labels.astype(np.int32), things], -1))
    without = model.translate(np.concatenate([labels, np.zeros_like(labels)], -1).astype(np.int32))
    assert not np.array_equal(with_edges, without)
    with pytest.raises(ShapeError, match="takes 2 channels"):
        model.translate(labels)


@pytest.mark.slow
def test_what_cannot_have_instance_maps_says_so(cli, street):
    served = cli("export", "street", "--to", "torch", "-o", "x")
    assert served.code == 2
    assert "takes instance maps beside label maps" in served.err
    other = cli("evaluate", "street", "--dataset", str(street), *flags("dataset.instances="))
    assert other.code == 2
    assert "--set dataset.instances=DIR" in other.err


def test_settings_that_make_no_sense_are_refused(streets, catalog):
    def opened(recipe="pix2pix", **changes):
        settings = {"dataset": "folder", **{f"dataset.{k}": v for k, v in options(streets, **changes).items()}}
        layers = [Layer("test", [Assignment.of(k, v, k) for k, v in settings.items()])]
        return open_split(resolve(catalog, recipe, layers=layers), "train")

    with pytest.raises(ConfigError, match=r"dataset\.instances goes with label maps of one side"):
        opened(labels="none")
    with pytest.raises(DataError, match="nowhere: no such folder"):
        opened(instances="nowhere")
    turned = opened().data_spec.reversed()
    config = resolve(catalog, "pix2pix")
    with pytest.raises(ConfigError, match="label maps with instance maps, which only sources can have"):
        build.model(config, turned, factory=build.ComponentFactory(catalog), device=torch.device("cpu"), seed=0)
