"""What looks through frozen models of timm: a discriminator, a loss and a metric."""

import pytest
import torch
from factories import job, pairs

from imtrans.engine.build import ComponentFactory
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError
from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.kit.features.feature_distance import unit_distance
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_discriminator, check_loss, check_metric, make


def test_the_distance_of_features_is_that_of_their_directions():
    """By hand: orthogonal features are 2 apart, opposite ones 4, longer ones of the same direction 0."""
    first = torch.tensor([[1.0, 0], [1, 0], [1, 0], [0, 0]]).view(4, 2, 1, 1)
    second = torch.tensor([[0.0, 3], [-2, 0], [5, 0], [0, 0]]).view(4, 2, 1, 1)
    assert unit_distance([first], [second]).tolist() == pytest.approx([2, 4, 0, 0])
    assert unit_distance([first, first], [second, first]).tolist() == pytest.approx([1, 2, 0, 0])


def test_features_without_a_direction_have_a_finite_gradient():
    nothing = torch.zeros(1, 3, 2, 2, requires_grad=True)
    unit_distance([nothing], [torch.ones(1, 3, 2, 2)]).sum().backward()
    assert nothing.grad.isfinite().all()


RANDOM = {"encoder": "test_convnext", "pretrained": False}


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"projection": False, "spectral_norm": False}, {"conditional": False}])
def test_the_discriminator_keeps_its_contract(options):
    check_discriminator("patchgan-timm", size=33, width=4, **{**RANDOM, **options})


@pytest.mark.slow
def test_each_scale_has_its_logits_and_only_their_layers_learn():
    network = make("discriminator", "patchgan-timm", width=4, scales=3, **RANDOM).train()
    output = network(torch.zeros(2, 3, 64, 64), torch.zeros(2, 3, 64, 64))
    assert [x.shape for x in output.logits] == [(2, 1, 8, 8), (2, 1, 4, 4), (2, 1, 2, 2)]
    assert [len(scale) for scale in output.features] == [1, 1, 1]
    learning = {name.partition(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert learning == {"hidden", "logits"}
    assert not network.encoder.training
    with pytest.raises(ConfigError, match="scales 5: encoder 'test_convnext' has 4 maps"):
        make("discriminator", "patchgan-timm", scales=5, **RANDOM)


@pytest.mark.slow
def test_loss_and_metric_keep_their_contracts():
    check_loss("timm-perceptual", **RANDOM)
    check_metric("timm-distance", **RANDOM)
    check_loss("timm-perceptual")


@pytest.mark.slow
def test_the_packaged_weights_give_the_number_of_lite0_distance():
    """Two ways to the same features: timm's classifier with all its maps, and its form for features."""
    photos = torch.rand(2, 3, 64, 96) * 2 - 1
    batch = Batch(source=photos, target=photos.roll(7, 3), keys=["a", "b"], draws=torch.zeros(2, dtype=torch.int64))
    ours, theirs = (make("metric", name).compute(photos, batch) for name in ("timm-distance", "lite0-distance"))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_source_of_other_channels_has_an_encoder_of_its_own():
    data_spec = DataSpec(source=ImageSpec(kind="labels", channels=1, classes=5))
    network = make("discriminator", "patchgan-timm", width=4, data_spec=data_spec, **RANDOM)
    assert len(network(torch.zeros(1, 5, 64, 64), torch.zeros(1, 3, 64, 64)).logits) == 4
    assert network.source_encoder.in_channels == 5
    same = make("discriminator", "patchgan-timm", width=4, **RANDOM)
    assert same.source_encoder is None, "one of its weights in memory and in the checkpoint"


@pytest.mark.slow
def test_they_take_grey_pictures_and_a_loss_that_is_never_called_builds_nothing(catalog):
    spec = DataSpec(target=ImageSpec(channels=1))
    grey = torch.rand(2, 1, 50, 70)
    assert make("loss", "timm-perceptual", data_spec=spec, **RANDOM)(grey, grey) == 0
    ref = ComponentRef("timm-perceptual", {"encoder": "no_such_model"})
    ComponentFactory(catalog).make("loss", ref, weights_follow=True)


@pytest.mark.slow
def test_a_gan_on_frozen_features_trains_and_keeps_them(tmp_path):
    settings = {"discriminator.layers": "", "discriminator": "patchgan-timm", "train.steps": "2"}
    settings |= {"reconstruction": "timm-perceptual", "metrics": "timm-distance", "adversarial": "hinge"}
    made = job(tmp_path / "run", settings, dataset=pairs(tmp_path / "data"))
    network = made.model.networks["discriminator"]
    before = {k: v.clone() for k, v in network.state_dict().items()}
    trainer.fit(made)
    changed = {k.partition(".")[0] for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"hidden", "logits"}
