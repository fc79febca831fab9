"""The gate for the design: six other ideas, as plugins made through the public interface only."""

import configparser
import tomllib

import numpy as np
import pytest
import torch
from example_methods import FOLDERS, ROOT

from imtrans.config.resolve import resolve
from imtrans.config.sources import Assignment, Layer
from imtrans.engine import build
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.evaluation.bound_metrics import bind_metrics
from imtrans.engine.evaluation.protocol import find
from imtrans.engine.inference.translator import Translator
from imtrans.engine.training import setup, trainer
from imtrans.errors import ConfigError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import Selection, discover

SKETCHES = {
    "example-cyclegan": ((20, 24, 1), (20, 24, 3)),
    "example-wgan-gp": ((30, 33, 3), (30, 33, 3)),
    "example-simultaneous": ((32, 32, 3), (32, 32, 3)),
    "example-multiscale": ((32, 40, 1), (32, 40, 3)),
    "example-diffusion": ((16, 17, 3), (16, 17, 3)),
    "example-volume": ((8, 7, 8, 1), (8, 7, 8, 1)),
}


@pytest.fixture
def plugins(monkeypatch):
    for folder in FOLDERS:
        monkeypatch.syspath_prepend(folder)
    found = discover(Selection(allow=frozenset({"imtrans-example-methods"})))
    assert not found.broken, [r.complaint for r in found.broken]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("recipe", SKETCHES)
def test_a_sketch_trains_five_steps_is_saved_and_loaded_and_translates(recipe, plugins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    catalog = Catalog(plugins.records)
    five = Layer(
        "test", [Assignment(("train", "steps"), 5, "steps"), Assignment(("train", "num_samples"), 2, "samples")]
    )
    config = resolve(catalog, recipe, layers=[five])
    job = setup.setup_training(
        config, catalog=catalog, plugins=plugins, folder=tmp_path / "runs" / recipe, is_quiet=True
    )
    before = {k: v.clone() for n in job.model.networks.values() for k, v in n.state_dict().items()}
    result = trainer.fit(job)
    after = {k: v for n in job.model.networks.values() for k, v in n.state_dict().items()}
    assert result.step == 5
    assert any(not torch.equal(before[k], after[k]) for k in before)
    assert list((tmp_path / "runs" / recipe / "samples").glob("*.png"))

    folder = checkpoint_paths.find(tmp_path / "runs" / recipe)
    loaded = checkpoints_io.load(
        folder, catalog=catalog, factory=build.ComponentFactory(catalog), device=torch.device("cpu")
    )
    trained = Translator(job.model)
    shape, wanted = SKETCHES[recipe]
    picture = (np.random.default_rng(0).integers(0, 5, shape)).astype(np.uint8)
    once = Translator(loaded).translate(picture, seed=3, size="native")
    assert once.shape == wanted
    np.testing.assert_array_equal(once, trained.translate(picture, seed=3, size="native"))


def test_another_policy_reaches_the_method_itself(plugins):
    catalog = Catalog(plugins.records)
    factory = build.ComponentFactory(catalog)
    spec, cpu = DataSpec(source=ImageSpec(), target=ImageSpec()), torch.device("cpu")
    models = {}
    for steps in (1, 16):
        layers = [Layer("test", [Assignment(("inference", "steps"), steps, "test")])]
        config = resolve(catalog, "example-diffusion", layers=layers)
        models[steps] = build.model(config, spec, factory=factory, device=cpu, seed=0)
    changed = models[1].with_config(models[16].config, factory=factory)
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    one, sixteen, found = (Translator(m).run(picture, seed=3) for m in (models[1], models[16], changed))
    assert not np.array_equal(one, sixteen)
    np.testing.assert_array_equal(found, sixteen)
    assert models[1].with_config(models[1].config, factory=factory).method is models[1].method


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_every_epoch_of_unpaired_data_has_each_target_equally_often(plugins, direction, tmp_path, monkeypatch):
    from imtrans.engine.data.sampler import SampleIndex

    monkeypatch.chdir(tmp_path)
    way = Layer("test", [Assignment(("data", "direction"), direction, "data.direction")])
    loading = open_split(resolve(Catalog(plugins.records), "example-cyclegan", layers=[way]), "train")
    keys = [[loading.pair(SampleIndex(epoch, i))[0].key for i in range(6)] for epoch in range(20)]
    assert all(key.startswith(f"noise-{i}-noise-") for epoch in keys for i, key in enumerate(epoch))
    partners = [[key.rpartition("-")[2] for key in epoch] for epoch in keys]
    # Six sources and four targets (DatasetDescription.lengths): two of the four come twice.
    assert all(sorted(map(epoch.count, "0123")) == [1, 1, 2, 2] for epoch in partners)
    assert len({epoch[0] for epoch in partners}) == 4


def test_metrics_of_pairs_are_left_out_of_unpaired_data(plugins):
    catalog = Catalog(plugins.records)
    bound = {}
    for name, is_paired in (("image", True), ("image", False), ("distribution", False)):
        found = bind_metrics(
            find(catalog, name, []),
            build.ComponentFactory(catalog),
            catalog,
            data_spec=DataSpec(),
            is_paired=is_paired,
            may_be_empty=True,
        )
        bound[name, is_paired] = {metric.name for metric in found.metrics}
        assert ("these data are not paired" in found.left_out.get("l1", "")) == (name == "image" and not is_paired)
    assert bound["image", True] >= {"l1", "psnr", "ssim"}
    assert bound["image", False] == set()
    assert "lite0-frechet" in bound["distribution", False]
    with pytest.raises(ConfigError, match="l1: it compares a picture with its own target"):
        bind_metrics(
            find(catalog, "image", []), build.ComponentFactory(catalog), catalog, data_spec=DataSpec(), is_paired=False
        )


def test_a_method_that_needs_pairs_refuses_unpaired_data(plugins, tmp_path, monkeypatch):
    from imtrans.plugins.component import ComponentRef

    monkeypatch.chdir(tmp_path)
    catalog = Catalog(plugins.records)
    config = resolve(catalog, "pix2pix", dataset=ComponentRef("example-unpaired"))
    with pytest.raises(ConfigError, match="needs pairs, and data set 'example-unpaired' has none"):
        setup.setup_training(config, catalog=catalog, plugins=plugins, folder=tmp_path / "run")


def test_image_pools_come_back_from_a_checkpoint(plugins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    catalog = Catalog(plugins.records)
    config = resolve(catalog, "example-cyclegan", layers=[Layer("test", [Assignment(("train", "steps"), 2, "steps")])])
    job = setup.setup_training(config, catalog=catalog, plugins=plugins, folder=tmp_path / "run", is_quiet=True)
    trainer.fit(job)
    live = checkpoints_io.load(
        checkpoint_paths.find(tmp_path / "run"),
        catalog=catalog,
        factory=build.ComponentFactory(catalog),
        device=torch.device("cpu"),
    )
    own, other = job.model.method.state_dict(), live.method.state_dict()
    assert sorted(own) == ["source.0000", "source.0001", "target.0000", "target.0001"] == sorted(other)
    assert all(torch.equal(own[k], other[k]) for k in own)


def test_the_distribution_that_tests_find_is_the_one_that_is_shipped():
    pyproject = tomllib.loads((ROOT / "examples" / "methods" / "pyproject.toml").read_text())
    written = configparser.ConfigParser()
    (file,) = (ROOT / "tests" / "fake_plugins").glob("*.dist-info/entry_points.txt")
    written.read(file)
    assert dict(written["imtrans"]) == pyproject["project"]["entry-points"]["imtrans"]
    assert sorted(pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]) == sorted(
        pyproject["project"]["entry-points"]["imtrans"].values()
    )
