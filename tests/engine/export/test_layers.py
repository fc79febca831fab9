"""The parts of an exported model against the originals."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from imtrans.engine.export.layers import make_explicit
from imtrans.engine.export.noise import PRIME, SeededDropout, Seeds, mix, noise
from imtrans.engine.export.pictures import as_source
from imtrans.engine.export.stored_values import FromNetwork, ToNetwork
from imtrans.errors import ConfigError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.kit.images import from_range, target_to_display
from imtrans.kit.images.color import AB, LIGHTNESS
from imtrans.kit.nn import BatchNorm, InstanceNorm, inference

LABELS = ImageSpec(kind="labels", channels=1, classes=3, values=(7, 0, 300), void=255)
DEEP = ImageSpec(channels=1, high=65535, bits=16)
FLOATS = ImageSpec(kind="data", channels=5, low=-2, high=3.5, bits=32, clips=True)


def test_the_mixer_is_the_fifth_power_by_python_and_a_permutation():
    numbers = [0, 1, 2, 12345, PRIME - 1, PRIME, 2**40]
    assert mix(torch.tensor(numbers)).tolist() == [pow(n, 5, PRIME) for n in numbers]
    assert (PRIME - 1) % 5 != 0  # so that no two numbers below the prime have one power


def test_noise_is_even_and_depends_on_seed_layer_and_place_alone():
    numbers = noise(torch.tensor([0, 1]), 3, (16, 64, 64))
    signs = (numbers >= PRIME // 2).double() * 2 - 1
    limit = 4 * signs[0].numel() ** -0.5  # four standard deviations of a mean of coin tosses
    others = (noise(torch.tensor([0]), 4, (16, 64, 64)) >= PRIME // 2).double() * 2 - 1
    products = [signs[0], signs[0] * signs[1], signs[:1] * others, signs[0, :, 1:] * signs[0, :, :-1]]
    products += [signs[0, ..., 1:] * signs[0, ..., :-1], signs[0, 1:] * signs[0, :-1]]
    assert all(abs(p.mean()) < limit for p in products)
    assert torch.equal(noise(torch.tensor([0]), 3, (8, 32, 16)), numbers[:1, :8, :32, :16])


@pytest.mark.parametrize("dropout", [nn.Dropout(0.3), nn.Dropout2d(0.3)])
def test_explicit_dropout_drops_as_torchs_does(dropout):
    seeds = Seeds()
    holder = nn.Sequential(dropout)
    assert make_explicit([holder], norm="batch", dropout=True, seeds=seeds) == 1
    x = torch.ones(2, 400, 6, 6)
    seeds.now = torch.tensor([5, -1])
    dropped, whole = holder(x)
    assert torch.equal(whole, x[1])  # a negative seed drops nothing
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.7])
    is_dropped = (dropped == 0).flatten(1).float().mean(1)
    assert is_dropped.mean() == pytest.approx(0.3, abs=0.08)
    assert set(is_dropped.tolist()) == {0.0, 1.0} if isinstance(dropout, nn.Dropout2d) else len(is_dropped.unique()) > 9


def test_dropout_that_is_off_leaves_no_layer_and_one_of_another_kind_is_refused():
    network = nn.Sequential(nn.Dropout(0.5))
    assert make_explicit([network], norm="batch", dropout=False, seeds=Seeds()) == 0
    assert not [m for m in network.modules() if isinstance(m, nn.Dropout | SeededDropout)]
    with pytest.raises(ConfigError, match="AlphaDropout: no exported file"):
        make_explicit([nn.Sequential(nn.AlphaDropout(0.5))], norm="batch", dropout=True, seeds=Seeds())


@pytest.mark.parametrize("layer", [BatchNorm(4), nn.BatchNorm2d(4), InstanceNorm(4), nn.InstanceNorm2d(4)])
def test_norms_by_the_batch_become_norms_by_each_picture(layer):
    torch.manual_seed(0)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter)
    x = torch.randn(2, 4, 5, 5) * 3 + 1
    network = nn.Sequential(layer)
    with inference([network], norm="batch"):
        alone = torch.cat([network(picture[None]) for picture in x])
    make_explicit([network], norm="batch", dropout=False, seeds=Seeds())
    torch.testing.assert_close(network(x), alone, atol=1e-5, rtol=0)
    assert network(x[..., :1, :1]).isfinite().all()


def test_norms_by_running_statistics_stay_and_spectral_norm_becomes_its_weight():
    network = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Conv2d(2, 3, 3)), nn.BatchNorm2d(3)).eval()
    x = torch.randn(1, 2, 8, 8)
    before = network(x)
    make_explicit([network], norm="running", dropout=False, seeds=Seeds())
    torch.testing.assert_close(network(x), before)
    assert isinstance(network[1], nn.BatchNorm2d)
    assert "weight" in dict(network[0].named_parameters())


def test_a_norm_with_more_in_it_is_refused_by_name():
    class NormAndActivation(nn.BatchNorm2d):
        def forward(self, x):
            return super().forward(x).relu()

    with pytest.raises(ConfigError, match=r"NormAndActivation: no exported file") as caught:
        make_explicit([nn.Sequential(NormAndActivation(2))], norm="batch", dropout=False, seeds=Seeds())
    assert "inference.norm=running" in caught.value.hint


def stored(spec, *, size=(9, 7)):
    random = np.random.default_rng(0)
    if spec.kind == "labels":
        return random.choice([7, 0, 300, 255], (*size, 1)).astype(np.uint16)
    if spec.bits == 32 and not spec.space:
        return random.uniform(spec.low, spec.high, (*size, spec.channels)).astype(np.float32)
    dtype, channels = (np.uint16 if spec.bits == 16 else np.uint8), 3 if spec.space else spec.channels
    return random.integers(0, 65536 if dtype == np.uint16 else 256, (*size, channels), dtype=dtype)


@pytest.mark.parametrize("spec", [ImageSpec(), DEEP, FLOATS, LABELS, LIGHTNESS, ImageSpec(space="grey")])
def test_stored_values_become_what_translation_makes_of_them(spec):
    picture = stored(spec)
    seen = ToNetwork(spec)(torch.from_numpy(picture)[None])
    torch.testing.assert_close(seen, as_source(picture, spec), atol=1e-6, rtol=0)
    assert seen.is_contiguous()


def test_grey_is_opencvs_for_every_colour_of_a_sample():
    colours = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    seen = ToNetwork(ImageSpec(space="grey"))(torch.from_numpy(colours)[None])
    assert np.array_equal(((seen[0, 0] + 1) * 127.5).round().numpy(), cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY))


@pytest.mark.parametrize("spec", [ImageSpec(), DEEP, FLOATS, LABELS])
def test_results_are_stored_as_translation_stores_them(spec):
    torch.manual_seed(0)
    values = torch.randn(1, spec.num_channels, 6, 5)
    made = FromNetwork(DataSpec(target=spec))(values, values)
    wanted = from_range(values[0], spec)
    assert made[0].numpy().dtype == wanted.dtype
    np.testing.assert_allclose(made[0].numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize("source", [LIGHTNESS, ImageSpec()])
@pytest.mark.parametrize("target", [AB, ImageSpec(space="grey")])
def test_results_in_another_space_become_pictures(source, target):
    torch.manual_seed(0)
    data_spec = DataSpec(source=source, target=target)
    seen, values = torch.rand(1, source.channels, 20, 20) * 2 - 1, torch.randn(1, target.channels, 20, 20).tanh()
    made = FromNetwork(data_spec)(values, seen)[0].numpy()
    wanted = target_to_display(values[0], seen[0], data_spec)
    assert made.dtype == wanted.dtype
    assert np.abs(made.astype(int) - wanted).max() <= 1  # float32 here, float64 there
    assert (made != wanted).mean() < 0.01
