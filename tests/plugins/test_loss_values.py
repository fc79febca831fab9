"""Losses for structure and detail, the critic's distance, and penalties: known answers."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from imtrans.errors import ShapeError
from imtrans.interfaces import Batch, DiscriminatorOutput
from imtrans.testing import make
from imtrans_losses.adversarial import BCE, LSGAN, Hinge, Wasserstein
from imtrans_losses.details import FocalFrequency, GradientDifference
from imtrans_losses.penalties import R1, WassersteinGP
from imtrans_losses.structural import SSIM, MultiScaleSSIM


def noise(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def verdict(*values):
    return DiscriminatorOutput(logits=[torch.tensor([[[[v]]]]) for v in values])


def test_ssim_is_that_of_scikit_image():
    from skimage.metrics import structural_similarity

    x, y = noise(2, 3, 40, 33), noise(2, 3, 40, 33, seed=1) * 0.3 + noise(2, 3, 40, 33) * 0.7
    wanted = []
    for one, two in zip(x.numpy(), y.numpy(), strict=True):
        _, full = structural_similarity(
            one, two, channel_axis=0, data_range=2.0, gaussian_weights=True, use_sample_covariance=False, full=True
        )
        wanted.append(full[:, 5:-5, 5:-5].mean())  # windows that lie within
    assert SSIM()(x, y).item() == pytest.approx(1 - np.mean(wanted), abs=2e-6)
    assert SSIM()(x, x).item() == pytest.approx(0, abs=1e-6)


def windows(x):
    """Gaussian means over the windows that lie within, by scipy."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(x, (0, 0, 1.5, 1.5), radius=(0, 0, 5, 5))[:, :, 5:-5, 5:-5]


def factors(x, y):
    """The mean similarity and the mean contrast of each channel (Wang et al. 2004, equations 6 to 13)."""
    mean_x, mean_y, c1, c2 = windows(x), windows(y), 0.02**2, 0.06**2
    variances = windows(x * x) - mean_x**2 + windows(y * y) - mean_y**2
    contrast = (2 * (windows(x * y) - mean_x * mean_y) + c2) / (variances + c2)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * contrast).mean((2, 3)), contrast.mean((2, 3))


def test_ms_ssim_is_the_product_over_five_sizes():
    """Wang et al. 2003, equation 7, with its weights. torchmetrics 1.9 gives another number: its last factor also
    counts windows that reach over the border."""
    x = noise(2, 3, 192, 176).double()
    y = 0.6 * x + 0.4 * noise(2, 3, 192, 176, seed=1)
    one, two, wanted = x.numpy(), y.numpy(), np.ones((2, 3))
    for number, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        similarity, contrast = factors(one, two)
        wanted *= (similarity if number == 4 else contrast) ** weight
        one, two = (avg_pool2d(torch.from_numpy(side), 2, ceil_mode=True).numpy() for side in (one, two))
    assert MultiScaleSSIM()(x, y).item() == pytest.approx(1 - wanted.mean(), abs=1e-9)
    assert sum(MultiScaleSSIM(scales=3).weights) == pytest.approx(1)
    assert MultiScaleSSIM(scales=1)(x, y).item() == pytest.approx(SSIM()(x, y).item(), abs=1e-9)


def test_pictures_that_hold_no_window_are_refused_with_what_is_needed():
    with pytest.raises(ShapeError, match="10 x 40 are too small for this loss: it needs 11"):
        SSIM()(noise(1, 3, 10, 40), noise(1, 3, 10, 40))
    with pytest.raises(ShapeError, match="it needs 161 pixels"):
        MultiScaleSSIM()(noise(1, 3, 128, 200), noise(1, 3, 128, 200))


def test_focal_frequency_of_a_wave_is_its_power_at_one_frequency():
    """A cosine of amplitude a has two frequencies, each with the power (a * N / 2)^2 / N over N pixels; weight 1."""
    n, a = 16, 0.4
    wave = (a * torch.cos(2 * torch.pi * 3 * torch.arange(n) / n)).expand(1, 1, n, n)
    zero = torch.zeros(1, 1, n, n)
    assert FocalFrequency()(wave, zero).item() == pytest.approx(2 * (a * n * n / 2) ** 2 / n**2 / n**2, rel=1e-5)
    assert FocalFrequency()(wave, zero).item() == pytest.approx(wave.square().mean().item(), rel=1e-5)
    assert FocalFrequency()(wave, wave).item() == 0


def test_focal_frequency_looks_at_the_worst_frequencies():
    x, y = noise(2, 3, 12, 10), noise(2, 3, 12, 10, seed=1)
    difference = np.fft.fft2((x - y).numpy(), norm="ortho")
    weight = np.abs(difference) ** 1.5
    weight /= weight.max((-2, -1), keepdims=True)
    wanted = (weight * np.abs(difference) ** 2).mean()
    assert FocalFrequency(alpha=1.5)(x, y).item() == pytest.approx(wanted, rel=1e-4)


def test_gradient_difference_is_blind_to_brightness_and_counts_steps():
    edge = torch.tensor([[[[0.0, 0.0, 1.0]]]]).expand(1, 1, 2, 3)
    assert GradientDifference()(edge - 0.5, edge).item() == 0
    flat = torch.zeros(1, 1, 2, 3)
    assert GradientDifference()(flat, edge).item() == pytest.approx(0.5)  # one of two steps along the rows
    assert GradientDifference(alpha=2.0)(flat, 0.5 * edge).item() == pytest.approx(0.125)
    assert GradientDifference()(flat[..., :1, :1], flat[..., :1, :1]).item() == 0


def test_the_critics_distance():
    assert Wasserstein().discriminator_loss(verdict(3.0, 1.0), verdict(-1.0, 0.0)).item() == -2.5
    assert Wasserstein(scales="sum").discriminator_loss(verdict(3.0, 1.0), verdict(-1.0, 0.0)).item() == -5
    assert Wasserstein().generator_loss(verdict(3.0)).item() == -3


@pytest.mark.parametrize("loss", [BCE, LSGAN, Hinge, Wasserstein])
def test_the_sum_over_three_scales_is_three_times_the_mean(loss):
    real, fake = verdict(0.3, 0.1, -0.4), verdict(0.2, -0.6, 0.5)
    mean, total = loss(), loss(scales="sum")
    assert total.discriminator_loss(real, fake).item() == pytest.approx(3 * mean.discriminator_loss(real, fake).item())
    assert total.generator_loss(fake).item() == pytest.approx(3 * mean.generator_loss(fake).item())


class Linear(nn.Module):
    """Its slope is the same everywhere: `slope` for each of the pixels, over the pixels of the mean."""

    def __init__(self, slope):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, source, image):
        return DiscriminatorOutput(logits=[self.slope * image])


def test_penalties_of_a_linear_judge_are_those_of_its_slope():
    batch = Batch(
        source=noise(2, 3, 4, 4), target=noise(2, 3, 4, 4, seed=1), keys=["a", "b"], draws=torch.tensor([5, 6])
    )
    judge, count = Linear(6.0), 3 * 16
    length = 6 / count**0.5  # of a gradient with `count` entries of 6 / count
    assert R1()(judge, batch, batch.source).item() == pytest.approx(length**2, rel=1e-5)
    penalty = WassersteinGP()(judge, batch, batch.source)
    assert penalty.item() == pytest.approx((length - 1) ** 2, rel=1e-4)
    penalty.backward()
    assert judge.slope.grad.item() == pytest.approx(2 * (length - 1) / count**0.5, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["r1", "wgan-gp"])
def test_penalties_change_the_discriminator_alone_and_are_logged(name, tmp_path):
    from factories import job, pairs

    from imtrans.engine.training import trainer
    from imtrans.kit.report import metric_history

    settings = {"train.steps": "2", "penalty": f'[{{name="{name}", weight=10.0}}]', "train.log_every": "1"}
    trainer.fit(job(tmp_path / "run", {**settings, "discriminator.norm": "instance"}, dataset=pairs(tmp_path / "data")))
    values = metric_history.read(tmp_path / "run").column("penalty", "train").values
    assert len(values) == 2
    assert all(value > 0 for value in values)


def test_the_names_are_those_of_the_catalogue():
    assert isinstance(make("loss", "ssim"), SSIM)
    assert make("adversarial", "lsgan", scales="sum").scales == "sum"
