"""How far translations lie apart: known answers, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch
from factories import job
from torch import nn

from imtrans.engine.inference.translator import Translator
from imtrans.engine.inference.uncertainty import heat
from imtrans.errors import ConfigError
from imtrans.interfaces import DataSpec, Geometry, ImageSpec
from imtrans.kit.ensemble import Ensemble


class Flat(nn.Module):
    """The same values for every pixel of any picture."""

    def __init__(self, *values):
        super().__init__()
        self.values = nn.Parameter(torch.tensor(values))

    def forward(self, x):
        return self.values.view(1, -1, 1, 1).expand(x.shape[0], -1, *x.shape[2:])


class Only:
    """The method that a translation needs."""

    geometry = Geometry(stride=1)

    def __init__(self, network):
        self.networks, self.network = {"generator": network}, network

    def translate(self, source, *, extras=None, seed=None):
        return self.network(source)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return job(tmp_path_factory.mktemp("uncertainty") / "run").model


def translator(model, *members, target=None):
    method = Only(Ensemble(members))
    spec = DataSpec(target=target or ImageSpec())
    return Translator(dataclasses.replace(model, method=method, networks=method.networks, data_spec=spec))


PICTURE = np.zeros((5, 7, 3), np.uint8)


def test_of_pictures_it_is_the_standard_deviation_as_a_share_of_the_range(model):
    # 0, 127.5 (128 when stored) and 255 in the first channel, no difference in the others
    made = translator(model, Flat(-1.0, 0.0, 0.0), Flat(0.0, 0.0, 0.0), Flat(1.0, 0.0, 0.0)).uncertainty(PICTURE)
    assert made.shape == (5, 7)
    np.testing.assert_allclose(made, np.sqrt(np.var([0, 128, 255]) / 3) / 255, atol=1e-6)
    apart = translator(model, Flat(-1.0, -1.0, -1.0), Flat(1.0, 1.0, 1.0)).uncertainty(PICTURE)
    np.testing.assert_allclose(apart, 0.5)


def test_of_labels_it_is_the_share_that_another_class_has(model):
    labels = ImageSpec(kind="labels", channels=1, classes=3)
    one, two = Flat(1.0, 0.0, 0.0), Flat(0.0, 0.0, 1.0)
    made = translator(model, one, two, two, two, target=labels).uncertainty(PICTURE)
    np.testing.assert_allclose(made, 0.25)


def test_seeds_count_where_the_policy_has_noise_and_one_translation_alone_has_no_spread(model):
    noisy = dataclasses.replace(model.config.inference, dropout=True)
    method = Only(nn.Sequential(Flat(0.2, 0.2, 0.2), nn.Dropout(0.5)))
    config = dataclasses.replace(model.config, inference=noisy)
    plain = Translator(dataclasses.replace(model, config=config, method=method, networks=method.networks))
    # 0 and 0.4, each half of the time: 0.2 from their mean, of a range of 2
    assert abs((plain.uncertainty(np.zeros((64, 64, 3), np.uint8), samples=16) ** 2).mean() ** 0.5 - 0.1) < 0.01
    with pytest.raises(ConfigError, match="no ensemble, and of one sample there is no spread"):
        plain.uncertainty(PICTURE)
    assert not model.config.inference.dropout
    quiet = Translator(model)
    with pytest.raises(ConfigError, match="all its samples are alike"):
        quiet.uncertainty(PICTURE, samples=4)


def test_a_map_is_dark_where_all_agree_and_brightest_from_an_eighth_of_the_range_on():
    shown = heat(np.array([[0.0, 0.0625, 0.125, 0.5]], np.float32))
    assert shown.shape == (1, 4, 3)
    brightness = shown[0].astype(int).sum(-1)
    assert brightness[0] < 20 < brightness[1] < brightness[2] == brightness[3]
