"""The gate for the design: six other ideas, as plugins made through the public interface only."""

from pathlib import Path

import numpy as np
import pytest
import torch

from imtrans.catalog import Catalog
from imtrans.engine import assemble, build, checkpoint, loop, runs
from imtrans.engine.translate import Translator
from imtrans.layers import Assignment, Layer
from imtrans.plugins import Selection, discover
from imtrans.resolve import resolve

SKETCHES = {
    "fake-cyclegan": ((20, 24, 1), (20, 24, 3)),
    "fake-wgan-gp": ((30, 33, 3), (30, 33, 3)),
    "fake-simultaneous": ((32, 32, 3), (32, 32, 3)),
    "fake-multiscale": ((32, 40, 1), (32, 40, 3)),
    "fake-diffusion": ((16, 17, 3), (16, 17, 3)),
    "fake-volume": ((8, 7, 8, 1), (8, 7, 8, 1)),
}


@pytest.fixture
def plugins(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "fake_plugins"))
    found = discover(Selection(allow=frozenset({"fake-sketches"})))
    assert not found.broken, [r.complaint for r in found.broken]
    return found


@pytest.mark.parametrize("recipe", SKETCHES)
def test_a_sketch_trains_five_steps_is_saved_and_loaded_and_translates(recipe, plugins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    catalog = Catalog(plugins.records)
    five = Layer("test", [Assignment(("train", "steps"), 5, "steps"), Assignment(("train", "samples"), 2, "samples")])
    config = resolve(catalog, recipe, layers=[five])
    job = assemble.assemble(config, catalog=catalog, plugins=plugins, folder=tmp_path / "runs" / recipe, is_quiet=True)
    before = {k: v.clone() for n in job.model.networks.values() for k, v in n.state_dict().items()}
    result = loop.fit(job)
    after = {k: v for n in job.model.networks.values() for k, v in n.state_dict().items()}
    assert result.step == 5
    assert any(not torch.equal(before[k], after[k]) for k in before)
    assert list((tmp_path / "runs" / recipe / "samples").glob("*.png"))

    folder = runs.find(tmp_path / "runs" / recipe)
    loaded = checkpoint.load(folder, catalog=catalog, maker=build.Maker(catalog), device=torch.device("cpu"))
    trained = Translator(job.model)
    shape, wanted = SKETCHES[recipe]
    picture = (np.random.default_rng(0).integers(0, 5, shape)).astype(np.uint8)
    once = Translator(loaded).translate(picture, seed=3)
    assert once.shape == wanted
    np.testing.assert_array_equal(once, trained.translate(picture, seed=3))


def test_unpaired_data_take_their_partner_from_the_draw(plugins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    catalog = Catalog(plugins.records)
    config = resolve(catalog, "fake-cyclegan")
    loading = assemble.loading(config, "train")
    from imtrans.engine.data import Place

    partners = [{loading.pair(Place(epoch, 0))[0].key for epoch in range(20)}]
    assert len(partners[0]) > 2


def test_a_method_that_needs_pairs_refuses_unpaired_data(plugins, tmp_path, monkeypatch):
    from imtrans.component import Use
    from imtrans.errors import ConfigError

    monkeypatch.chdir(tmp_path)
    catalog = Catalog(plugins.records)
    config = resolve(catalog, "pix2pix", dataset=Use("fake-unpaired"))
    with pytest.raises(ConfigError, match="needs pairs, and data set 'fake-unpaired' has none"):
        assemble.assemble(config, catalog=catalog, plugins=plugins, folder=tmp_path / "run")


def test_image_pools_come_back_from_a_checkpoint(plugins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    catalog = Catalog(plugins.records)
    config = resolve(catalog, "fake-cyclegan", layers=[Layer("test", [Assignment(("train", "steps"), 2, "steps")])])
    job = assemble.assemble(config, catalog=catalog, plugins=plugins, folder=tmp_path / "run", is_quiet=True)
    loop.fit(job)
    live = checkpoint.load(
        runs.find(tmp_path / "run"), catalog=catalog, maker=build.Maker(catalog), device=torch.device("cpu")
    )
    own, other = job.model.method.state_dict(), live.method.state_dict()
    assert sorted(own) == ["source.0000", "source.0001", "target.0000", "target.0001"] == sorted(other)
    assert all(torch.equal(own[k], other[k]) for k in own)
