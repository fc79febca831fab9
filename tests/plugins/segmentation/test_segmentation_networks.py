"""Photos judged by networks: FCN-8s, a run of one's own, and anybody else's."""

from functools import partial

import numpy as np
import pytest
import torch
from factories import job, pairs, plugins
from safetensors.torch import save_file

from imtrans import ComponentRef, load
from imtrans.config.resolve import resolve
from imtrans.engine.training import trainer
from imtrans.errors import CheckpointError, ConfigError, NotInstalledError, PluginError, ShapeError
from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.kit.weight_file import fill, read
from imtrans.plugins.catalog import Catalog
from imtrans.testing import check_metric, check_network, make
from imtrans_segmentation import fcn
from imtrans_segmentation.cityscapes import cityscapes

# Anybody's network: says of every pixel how like a red, a green and a blue it is, of a quarter of the size.
THEIRS = """
from imtrans import Component, hookimpl

def build():
    import torch
    class Brightest(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))
        def forward(self, photo):
            assert not self.training and not torch.is_grad_enabled()
            return torch.nn.functional.avg_pool2d(photo, 2) * self.scale
    return Brightest()

def whole():
    import torch
    class Whole(torch.nn.Module):
        def forward(self, photo):
            return photo.argmax(1, keepdim=True) + 2
    return Whole()

def wrong():
    import torch
    return torch.nn.Conv2d(3, 2, 1)

def no_module():
    return len

@hookimpl
def imtrans_provide():
    for name, target in (("brightest", "build"), ("whole", "whole"), ("wrong", "wrong"), ("no-module", "no_module")):
        yield Component(kind="network", name=name, target=f"theirs_segmentation:{target}", summary="theirs")
"""
RGB = "name,red,green,blue,void\nred,255,0,0,\ngreen,0,255,0,\nblue,0,0,255,\nblack,0,0,0,yes\n"


@pytest.fixture
def theirs(plugin_dist, tmp_path):
    """A distribution of one file with networks; gives options that name a palette of three classes and void."""
    plugin_dist("theirs", theirs_segmentation=THEIRS)
    (tmp_path / "rgb.csv").write_text(RGB)
    return {"palette": str(tmp_path / "rgb.csv")}


def painted(*numbers):
    """A picture of two rows of blocks of two pixels: 0 red, 1 green, 2 blue, 3 black."""
    rows = (np.vstack([np.eye(3), np.zeros(3)]) * 255)[list(numbers)].repeat(2, 0)
    return torch.from_numpy(rows).float().T[None, :, None].repeat(1, 1, 2, 1) / 127.5 - 1


def batch(source, **extras):
    return Batch(source=source, target=source, keys=["x"], draws=torch.arange(1), extras=extras)


def test_a_network_of_anybody_judges_photos(theirs):
    metric = make("metric", "segmentation", network="brightest", **theirs)
    rows = metric.compute(painted(0, 1, 1, 2), batch(painted(0, 1, 2, 3)))
    found = metric.aggregate(rows)
    assert list(found) == ["seg_pixel_accuracy", "seg_class_accuracy", "seg_class_iou"]
    assert found["seg_pixel_accuracy"] == pytest.approx(2 / 3)  # the black block is not judged
    assert found["seg_class_iou"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    check_metric("segmentation", network="brightest", **theirs)


def test_whole_numbers_are_classes_and_what_is_beyond_them_is_void(theirs):
    metric = make("metric", "segmentation", network="whole", **theirs)
    rows = metric.compute(painted(0, 1, 2, 0), batch(painted(2, 1, 2, 2)))
    assert rows[0, 0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 4], [0, 0, 8, 4]]


def test_photos_are_judged_in_full_size_against_the_official_numbers(plugin_dist):
    source = """
from imtrans import Component, hookimpl
def build():
    import torch
    class Road(torch.nn.Module):
        def forward(self, photo):
            return torch.zeros_like(photo[:, :1]).long()
    return Road()
@hookimpl
def imtrans_provide():
    yield Component(kind="network", name="all-road", target="all_road:build", summary="all is road")
"""
    plugin_dist("all-road", all_road=source)
    metric = make("metric", "segmentation", network="all-road")
    road = torch.tensor([128.0, 64, 128]).view(1, 3, 1, 1).repeat(1, 1, 2, 2) / 127.5 - 1
    labels = torch.tensor([7, 7, 7, 8, 0, 7, 7, 255]).view(1, 1, 2, 4)
    found = metric.aggregate(metric.compute(road, batch(road, labels=labels)))
    assert found["seg_pixel_accuracy"] == pytest.approx(1)
    assert found["seg_full_pixel_accuracy"] == pytest.approx(5 / 6)


def test_what_gives_no_classes_is_named(theirs):
    metric = make("metric", "segmentation", network="wrong", **theirs)
    with pytest.raises(ShapeError, match=r"network 'wrong' gave \(1, 2, 2, 8\) of torch.float32 .* at least 3"):
        metric.compute(painted(0, 1, 2, 0), batch(painted(2, 1, 2, 2)))
    with pytest.raises(PluginError, match="network 'no-module' gave builtin_function_or_method"):
        make("metric", "segmentation", network="no-module", **theirs)


def test_photos_of_another_size_than_their_labels_are_refused(theirs):
    with pytest.raises(ShapeError, match=r"prediction is .* source"):
        make("metric", "segmentation", network="brightest", **theirs).compute(painted(0, 1), batch(painted(0)))


@pytest.mark.parametrize("target", [ImageSpec(channels=1), ImageSpec(kind="labels", channels=1, classes=3)])
def test_what_is_no_photo_is_refused_before_it_is_judged(target, theirs):
    with pytest.raises(ConfigError, match=r"segmentation: it scores photos \(RGB\), not (image|labels) of 1 channels"):
        make("metric", "segmentation", data_spec=DataSpec(target=target), network="brightest", **theirs)


def test_a_fingerprint_tells_networks_apart_by_their_weights(theirs):
    prints = [make("metric", "segmentation", network=n, **theirs) for n in ("brightest", "brightest", "whole")]
    with torch.no_grad():
        other = make("metric", "segmentation", network="brightest", **theirs)
        next(other._network.parameters()).fill_(2)
    told = [m.fingerprint() for m in (*prints, other)]
    assert told[0] == told[1]
    assert len(set(told)) == 3


# FCN-8s.


def narrow(**changes):
    """The network with few channels, filled with what is asked for and zeros."""
    network = fcn.FCN8s(size=(96, 160), outputs=2, widths=(1, 1, 1, 1, 1), hidden=1)
    for name, value in network.named_parameters():
        value.data.zero_()
        if name.startswith("conv") and name.endswith("weight"):
            value.data[..., 1, 1] = 1
        if name.startswith("upscore"):
            value.data[:] = bilinear(value.shape[-1]) * torch.eye(2)[:, :, None, None]
    for name, change in changes.items():
        network.get_parameter(name.replace("__", ".")).data.copy_(change)
    return network


def bilinear(size):
    """The kernel with which FCNs begin to enlarge: a tent."""
    centre = size / 2 - 0.5
    tent = 1 - (torch.arange(size) - centre).abs() / (size / 2)
    return tent[:, None] * tent[None]


def centre(scores):
    """Where the mass of (H, W) lies."""
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in scores.shape)
    mass = scores.double()
    return float((mass.sum(1) * rows).sum() / mass.sum()), float((mass.sum(0) * columns).sum() / mass.sum())


@pytest.mark.parametrize(
    ("path", "stride"), [("score_pool3", 8), ("score_pool4", 16), ("score_fr", 32)], ids=lambda v: str(v)
)
def test_fcn8s_sees_a_thing_where_it_is_through_each_of_its_three_ways(path, stride):
    """The crops undo the margin: a blob is found in its place, within the grid of the way."""
    weight = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    network = narrow(**{f"{path}__weight": weight})
    network.fc6.weight.data[:, :, 3, 3] = 1
    network.fc7.weight.data[:] = 1
    for top, left in ((20, 30), (60, 110), (37, 71)):
        picture = torch.zeros(1, 3, 96, 160)
        picture[:, :, top : top + 9, left : left + 9] = 1
        with torch.no_grad():
            scores = network.scores(picture)
        assert scores.shape == (1, 2, 96, 160)
        assert scores[0, 0].abs().max() == 0
        row, column = centre(scores[0, 1])
        assert abs(row - (top + 4)) <= stride / 2
        assert abs(column - (left + 4)) <= stride / 2


def test_fcn8s_gives_a_class_for_every_pixel_whatever_the_size():
    for size in ((256, 512), (250, 333), (1, 1)):
        with torch.no_grad():
            assert tuple(narrow().scores(torch.zeros(1, 3, *size)).shape) == (1, 2, *size)


def test_fcn8s_has_the_layers_of_vgg16(monkeypatch):
    # Drawing numbers that are kept nowhere would load a compiler's worth of modules.
    monkeypatch.setattr(torch.nn.modules.conv._ConvNd, "reset_parameters", lambda self: None)
    with torch.device("meta"):
        network = fcn.FCN8s()
    shapes = {k: tuple(v.shape) for k, v in network.state_dict().items()}
    assert shapes["conv1_1.weight"] == (64, 3, 3, 3)
    assert shapes["conv5_3.weight"] == (512, 512, 3, 3)
    assert (shapes["fc6.weight"], shapes["fc7.weight"]) == ((4096, 512, 7, 7), (4096, 4096, 1, 1))
    assert (shapes["score_pool3.weight"], shapes["score_pool4.weight"]) == ((20, 256, 1, 1), (20, 512, 1, 1))
    assert (shapes["upscore2.weight"], shapes["upscore8.weight"]) == ((20, 20, 4, 4), (20, 20, 16, 16))
    vgg16 = 14_714_688 + 102_764_544 + 16_781_312  # its convolutions and two of its three layers after them
    heads = 20 * (4096 + 1 + 256 + 1 + 512 + 1) + 20 * 20 * (2 * 4 * 4 + 16 * 16)
    assert sum(v.numel() for v in network.state_dict().values()) == vgg16 + heads


def test_fcn8s_sees_blue_green_red_less_their_means_in_8_bits():
    network, seen = narrow(), []
    network.conv1_1.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0]))
    photo = torch.tensor([255.0, 100.0, 0.3]).view(1, 3, 1, 1).repeat(1, 1, 8, 8) / 127.5 - 1
    with torch.no_grad():
        classes = network(photo)
    assert classes.shape == (1, 1, 96, 160)
    wanted = torch.tensor([0 - 72.78044, 100 - 83.21195, 255 - 73.45286]).view(1, 3, 1, 1)
    torch.testing.assert_close(seen[0], wanted.expand(1, 3, 96, 160), rtol=0, atol=1e-4)


def test_fcn8s_of_another_size_or_other_weights_is_another_network():
    networks = [narrow() for _ in range(4)]
    networks[2].size = (96, 96)
    networks[3].fc7.bias.data.add_(1)
    told = [n.fingerprint() for n in networks]
    assert told[0] == told[1]
    assert len(set(told)) == 3


def test_fcn8s_keeps_the_contract(state, tmp_path, monkeypatch):
    monkeypatch.setattr(fcn, "FCN8s", partial(fcn.FCN8s, outputs=2, widths=(1, 1, 1, 1, 1), hidden=1))
    check_network("fcn8s", weights=str(save(state, tmp_path / "w.pth")), height=96, width=160)


def test_fcn8s_without_weights_says_how_to_name_them(tmp_path):
    for weights in ({}, {"weights": str(tmp_path / "none.pth")}):
        with pytest.raises(NotInstalledError, match="network 'fcn8s'") as caught:
            make("network", "fcn8s", **weights)
        assert "--set metrics.segmentation.network.weights=FILE" in caught.value.hint


@pytest.fixture
def state():
    torch.manual_seed(0)
    return {k: torch.rand_like(v) for k, v in narrow().state_dict().items()}


def save(state, path):
    if path.suffix == ".npz":
        np.savez(path, **{k: v.numpy() for k, v in state.items()})
    elif path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state}, path)
    return path


@pytest.mark.parametrize("ending", ["safetensors", "npz", "pth"])
def test_weights_come_back_from_each_kind_of_file(ending, state, tmp_path):
    network = narrow()
    path = save(state, tmp_path / f"w.{ending}")
    fill(network, read(path), path=path)
    assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda s: s.pop("fc6.bias") and s.pop("fc7.bias"), r"without fc6\.bias, fc7\.bias"),
        (lambda s: s.update({"score.weight": torch.zeros(1)}), r"with score\.weight"),
        (lambda s: s.update({"fc7.bias": torch.zeros(7)}), r"fc7\.bias is \(7,\), not \(1,\)"),
        (lambda s: s["fc7.bias"].fill_(torch.nan), r"fc7\.bias holds numbers that are not finite"),
    ],
    ids=["missing", "too many", "shape", "nan"],
)
def test_weights_that_do_not_fit_are_named(change, what, state, tmp_path):
    change(state)
    with pytest.raises(CheckpointError, match=what) as caught:
        fill(narrow(), state, path=tmp_path / "w.pth", may_hold_more=False)
    assert caught.value.hint


def test_files_that_hold_no_plain_tensors_are_refused_unrun(tmp_path):
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    torch.save({"a": fcn.WIDTHS, "b": test_weights_that_do_not_fit_are_named}, tmp_path / "code.pth")
    torch.save({"a": [1, 2]}, tmp_path / "lists.pth")
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("noise.npz", "noise.pth", "noise.safetensors", "noise.caffemodel"):
        (tmp_path / name).write_bytes(bytes(range(256)) * 4)
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(CheckpointError, match=path.name) as caught:
            read(path)
        assert str(caught.value).count("\n") <= 2


# A run of one's own.


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    """A tiny run of the recipe label-scorer, with a network that needs no photographs."""
    top = tmp_path_factory.mktemp("scorer")
    settings = {"train.steps": "2", "generator": "unet64"}
    made = job(top / "run", settings, recipe="label-scorer", dataset=pairs(top / "data"))
    trainer.fit(made)
    return top / "run"


@pytest.mark.slow
def test_label_scorer_learns_by_l1_alone_and_is_run_without_noise(scorer):
    config = load(scorer, device="cpu").model.config
    assert [c.weight for c in config.parts["adversarial"]] == [0.0]
    assert (config.data.direction, config.inference.dropout, config.inference.norm) == ("AtoB", False, "running")
    usual = resolve(Catalog(plugins().records), "label-scorer")
    assert usual.parts["generator"][0].name == "lite0-painter"
    assert [c.name for c in config.metrics] == ["l1", "label-colours"]


def test_a_run_of_ones_own_tells_classes_by_the_colours_that_it_paints(scorer):
    network = make("network", "label-translator", run=str(scorer))
    photo = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    given = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 127.5 - 1
    classes = network(given)
    assert (tuple(classes.shape), classes.dtype) == ((1, 1, 32, 32), torch.int64)
    told = load(scorer, device="cpu").translate(photo).astype(np.int64)
    rgb = np.array([c.rgb for c in cityscapes().colours])
    wanted = np.array(cityscapes().classes)[((told[:, :, None] - rgb) ** 2).sum(-1).argmin(-1)]
    assert np.array_equal(classes[0, 0].numpy(), wanted)
    assert torch.equal(network(given), classes)


def test_photos_are_brought_to_the_size_that_the_run_was_trained_at(scorer):
    network = make("network", "label-translator", run=str(scorer))
    assert network(torch.zeros(2, 3, 48, 80)).shape == (2, 1, 32, 32)
    check_metric("segmentation", network={"name": "label-translator", "run": str(scorer)})
    check_network("label-translator", run=str(scorer))


def test_its_fingerprint_is_of_its_weights_not_of_its_place(scorer, tmp_path):
    (tmp_path / "moved").symlink_to(scorer)
    one, other = (make("network", "label-translator", run=str(p)) for p in (scorer, tmp_path / "moved"))
    assert one.fingerprint() == other.fingerprint()
    next(iter(other._translator.model.networks["generator"].parameters())).data.add_(1)
    assert one.fingerprint() != other.fingerprint()


def test_without_a_run_it_says_how_to_train_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotInstalledError, match="no run 'label-scorer' that paints the labels of photos") as caught:
        make("metric", "segmentation")
    assert "imtrans run label-scorer --dataset cityscapes --name label-scorer" in caught.value.hint
    (tmp_path / "runs" / "label-scorer").mkdir(parents=True)
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        make("metric", "segmentation")


@pytest.mark.slow
def test_a_run_that_takes_no_photos_or_paints_no_labels_is_refused(tmp_path):
    pairs(tmp_path / "photos")
    colouring = ComponentRef("lab", {"root": str(tmp_path / "photos")})
    trainer.fit(job(tmp_path / "run", {"train.steps": "1"}, dataset=colouring))
    with pytest.raises(ConfigError, match=r"run '.*run' does not translate photos to painted labels") as caught:
        make("network", "label-translator", run=str(tmp_path / "run"))
    assert "imtrans run label-scorer" in caught.value.hint
