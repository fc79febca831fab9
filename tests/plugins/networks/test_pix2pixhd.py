"""pix2pixHD's parts: the known numbers of their weights, their maps, and feature matching."""

import dataclasses

import pytest
import torch
from torch.nn.functional import l1_loss, mse_loss

from imtrans.errors import CheckpointError, PluginError, ShapeError
from imtrans.interfaces import Context, DataSpec, DiscriminatorOutput, ImageSpec
from imtrans.kit.loss_terms import AdversarialTerms, Weighted
from imtrans.testing import check_loss, make
from imtrans_losses.adversarial import LSGAN
from imtrans_pix2pixhd import vgg
from imtrans_pix2pixhd.losses import FeatureMatching

PHOTOS = DataSpec()
LABELS = DataSpec(source=ImageSpec(kind="data", channels=36))  # 35 classes, and the edges of instances


def count(kind, name, spec=PHOTOS, **options):
    with torch.device("meta"):
        return sum(p.numel() for p in make(kind, name, data_spec=spec, init_std=0.0, **options).parameters())


@pytest.mark.parametrize(
    ("name", "spec", "options", "known"),
    [
        ("pix2pixhd-global", PHOTOS, {}, 182_443_267),
        ("pix2pixhd-global", LABELS, {}, 182_546_755),
        ("pix2pixhd-global", PHOTOS, {"downs": 3}, 45_593_347),
        ("pix2pixhd-local", PHOTOS, {}, 182_701_827),
        ("pix2pixhd-local", LABELS, {}, 182_857_059),
    ],
)
def test_generators_have_the_known_number_of_weights(name, spec, options, known):
    assert count("generator", name, spec, **options) == known


@pytest.mark.parametrize(("scales", "known"), [(1, 2_767_809), (2, 5_535_618), (3, 8_303_427)])
def test_the_discriminator_has_the_known_number_of_weights(scales, known):
    assert count("discriminator", "multiscale", scales=scales) == known


def test_the_discriminator_of_labels_and_pictures_has_the_known_number_of_weights():
    assert count("discriminator", "multiscale", LABELS) == 5_603_202


def test_each_scale_sees_half_the_size_and_gives_its_logits_and_four_maps():
    network = make("discriminator", "multiscale", scales=3, width=4)
    output = network(torch.rand(2, 3, 64, 48), torch.rand(2, 3, 64, 48))
    assert [tuple(x.shape[2:]) for x in output.logits] == [(11, 9), (7, 6), (5, 5)]
    assert [len(maps) for maps in output.features] == [4, 4, 4]
    assert [maps[0].shape[1] for maps in output.features] == [4, 4, 4]
    with pytest.raises(ShapeError, match="too small for 3 scales: they need 4 pixels"):
        network(torch.rand(1, 3, 3, 8), torch.rand(1, 3, 3, 8))


def test_the_enhancer_adds_to_the_features_of_a_trunk_that_a_global_run_has_trained():
    """The trunk's weights have the same names in both, so that --init takes them over."""
    coarse = make("generator", "pix2pixhd-global", width=4, downs=2, blocks=1).state_dict()
    local = make("generator", "pix2pixhd-local", width=4, downs=2, blocks=1, local_blocks=1)
    trunk = {name: value for name, value in local.state_dict().items() if name.startswith("trunk.")}
    assert trunk.keys() == {name for name in coarse if name.startswith("trunk.")}
    assert all(coarse[name].shape == value.shape for name, value in trunk.items())
    assert local.stride == 8
    assert local(torch.rand(1, 3, 40, 24)).shape == (1, 3, 40, 24)
    assert {id(p) for p in local.parameter_groups()["global"]} == {id(p) for p in local.trunk.parameters()}


def outputs(shift):
    """Two scales, of four and two maps."""
    maps = [[torch.full((1, 2, 3, 3), float(i)) + shift for i in range(n)] for n in (4, 2)]
    return DiscriminatorOutput(logits=[torch.zeros(1, 1, 2, 2)] * 2, features=maps)


def test_feature_matching_is_the_papers_sum():
    """10 * sum over scales of 1 / 2 * (4 / maps) * sum of L1: here 10 * 1/2 * (4/4 * 4 + 4/2 * 2) * 0.5 = 20."""
    terms = AdversarialTerms([Weighted(10.0, FeatureMatching())])
    assert terms.needs_real
    assert terms.generator_loss(outputs(0.5), outputs(0.0)).item() == pytest.approx(20)
    assert terms.discriminator_loss(outputs(0.5), outputs(0.0)).item() == 0


def test_feature_matching_of_a_discriminator_without_features_is_refused():
    bare = DiscriminatorOutput(logits=[torch.zeros(1, 1, 2, 2)])
    with pytest.raises(PluginError, match="gives no features"):
        FeatureMatching().generator_loss(bare, bare)


def test_one_generator_loss_is_that_written_by_hand():
    torch.manual_seed(0)
    network = make("discriminator", "multiscale", width=4).double()
    source, real, fake = (torch.rand(1, 3, 32, 32, dtype=torch.float64) for _ in range(3))
    fake.requires_grad_()
    terms = AdversarialTerms([Weighted(1.0, LSGAN(scales="sum"), "lsgan"), Weighted(10.0, FeatureMatching(), "match")])
    on_fake, on_real = network(source, fake), network(source, real)
    (gradient,) = torch.autograd.grad(terms.generator_loss(on_fake, on_real), fake)
    by_hand = torch.zeros((), dtype=torch.float64)
    for made, wanted, logits in zip(
        network(source, fake).features, on_real.features, network(source, fake).logits, strict=True
    ):
        by_hand = by_hand + mse_loss(logits, torch.ones_like(logits))
        for f, r in zip(made, wanted, strict=True):
            by_hand = by_hand + 10.0 * (1 / 2) * (4 / (3 + 1)) * l1_loss(f, r.detach())
    (wanted_gradient,) = torch.autograd.grad(by_hand, fake)
    torch.testing.assert_close(gradient, wanted_gradient, rtol=1e-6, atol=1e-8)


@pytest.fixture
def small_vgg(monkeypatch):
    """VGG19 with a sixteenth of its channels, so that its weights are drawn at once."""
    monkeypatch.setattr(vgg, "BLOCKS", tuple(tuple(n // 16 for n in widths) for widths in vgg.BLOCKS))
    torch.manual_seed(0)
    return vgg.Vgg19()


def test_vgg19_has_torchvisions_layers_and_takes_the_papers_five(small_vgg):
    names = [name for name, _ in small_vgg.named_parameters() if name.endswith("weight")]
    assert names == [f"features.{i}.weight" for i in (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)]
    picture, maps = torch.rand(1, 3, 32, 32), {}
    x = picture
    for number, layer in enumerate(small_vgg.features):
        x = layer(x)
        maps[number] = x
    for made, number in zip(small_vgg(picture), (1, 6, 11, 20, 29), strict=True):
        assert torch.equal(made, maps[number])


def test_the_perceptual_loss_reads_a_file_of_weights_and_weighs_its_layers(small_vgg, tmp_path):
    file = tmp_path / "vgg19.pth"
    torch.save({**small_vgg.state_dict(), "classifier.0.weight": torch.zeros(2)}, file)
    loss = make("loss", "vgg19-perceptual", weights=str(file))
    prediction, target = (torch.rand(2, 3, 32, 32) * 2 - 1 for _ in range(2))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    maps = [small_vgg(((side + 1) / 2 - mean) / std) for side in (prediction, target)]
    wanted = sum(w * l1_loss(a, b) for w, a, b in zip((1 / 32, 1 / 16, 1 / 8, 1 / 4, 1), *maps, strict=True))
    torch.testing.assert_close(loss(prediction, target), wanted)
    assert not [p for p in loss.parameters() if p.requires_grad]
    check_loss("vgg19-perceptual", channels=[1, 3], weights=str(file))
    prediction.requires_grad_()
    loss(prediction, target).backward()
    assert prediction.grad.abs().sum() > 0


def test_without_weights_it_says_where_they_go(tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(Exception, match=r"its weights vgg19-dcbb9e9d\.pth") as caught:
        make("loss", "vgg19-perceptual")
    assert "--set reconstruction.vgg19-perceptual.fetch=true" in caught.value.hint
    with pytest.raises(CheckpointError, match="no file"):
        make("loss", "vgg19-perceptual", weights=str(tmp_path / "none.pth"))
    translating = Context(make=lambda *_: None, data_spec=PHOTOS, weights_follow=True)
    assert isinstance(vgg.perceptual(weights="", fetch=False, context=translating), torch.nn.Identity)
    with pytest.raises(Exception, match="1 or 3 channels"):
        make(
            "loss", "vgg19-perceptual", data_spec=dataclasses.replace(PHOTOS, target=ImageSpec(kind="data", channels=5))
        )
