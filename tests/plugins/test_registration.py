"""RegGAN: moved pictures, the network that finds shifts, one step written out, and what it learns."""

import pytest
import torch
from factories import go_on, job
from torch import nn
from torch.nn.functional import conv2d

from imtrans.engine.training import trainer
from imtrans.interfaces import Batch, Context, DataSpec
from imtrans.kit.loss_terms import AdversarialTerms, Terms, Weighted
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_method, check_network, make
from imtrans_losses.adversarial import LSGAN
from imtrans_registration.flow import FlowUNet, roughness, warped
from imtrans_registration.method import RegGAN

CONTEXT = Context(make=make, data_spec=DataSpec(), size=(32,))


def noise(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def method(*, centred=False):
    torch.manual_seed(0)
    return RegGAN(
        generator=nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh()),
        discriminator=make("discriminator", "patchgan16", conditional=False, width=4, norm="none"),
        registration=FlowUNet(channels=3, width=4, depth=2),
        adversarial=AdversarialTerms([Weighted(1.0, LSGAN())]),
        reconstruction=Terms([Weighted(20.0, nn.L1Loss())]),
        smoothness=10.0,
        centred=centred,
        context=CONTEXT,
    )


def test_a_shift_says_where_a_pixel_comes_from():
    picture = noise(2, 3, 8, 9)
    shifts = torch.zeros(2, 2, 8, 9)
    torch.testing.assert_close(warped(picture, shifts), picture)
    shifts[:, 0], shifts[:, 1] = 2, -3
    torch.testing.assert_close(warped(picture, shifts)[:, :, :-2, 3:], picture[:, :, 2:, :-3])
    half = torch.zeros(2, 2, 8, 9)
    half[:, 1] = 0.5
    # Keys' cubic of a = -3/4 in the middle between two pixels: -3/32, 19/32, 19/32, -3/32; the border goes on.
    wide = torch.nn.functional.pad(picture, (1, 2, 0, 0), mode="replicate")
    outer, inner = wide[..., :-3] + wide[..., 3:], wide[..., 1:-2] + wide[..., 2:-1]
    torch.testing.assert_close(warped(picture, half), (19 * inner - 3 * outer) / 32)


def test_a_move_and_its_gradient_are_those_of_cubic_convolution():
    picture, shifts = noise(1, 1, 5, 6), (0.6 * noise(1, 2, 5, 6, seed=1) + 0.3).requires_grad_()

    def weights(t):
        near, far = lambda x: ((1.25 * x - 2.25) * x) * x + 1, lambda x: ((-0.75 * x + 3.75) * x - 6) * x + 3
        return [far(t + 1), near(t), near(1 - t), far(2 - t)]

    def moved(picture, shifts):
        rows, columns = torch.arange(5.0)[:, None] + shifts[:, 0], torch.arange(6.0) + shifts[:, 1]
        top, left = rows.floor().detach(), columns.floor().detach()
        at = lambda r, c: picture[0, 0][r.clamp(0, 4).long(), c.clamp(0, 5).long()]  # noqa: E731
        return sum(
            down * right * at(top + i - 1, left + k - 1)
            for i, down in enumerate(weights(rows - top))
            for k, right in enumerate(weights(columns - left))
        )[None]

    torch.testing.assert_close(moved(picture, shifts), warped(picture, shifts), atol=1e-5, rtol=1e-4)
    wanted = torch.autograd.grad(moved(picture, shifts).square().sum(), shifts)[0]
    given = torch.autograd.grad(warped(picture, shifts).square().sum(), shifts)[0]
    torch.testing.assert_close(given, wanted, atol=1e-4, rtol=1e-4)


def test_roughness_is_the_mean_squared_step_both_ways():
    shifts = torch.zeros(1, 2, 3, 4)
    shifts[0, 0] = torch.tensor([0.0, 1.0, 3.0])[:, None]  # steps of 1 and 2 down, none in the other shift
    assert roughness(shifts).item() == pytest.approx((1 + 4) / 2 / 2)
    assert roughness(torch.full((1, 2, 3, 4), 7.0)).item() == 0


@pytest.mark.parametrize("size", [(32, 32), (17, 30)])
def test_the_network_begins_without_shifts_at_any_size(size):
    shifts = FlowUNet(channels=3, width=4, depth=3)(noise(2, 6, *size))
    assert shifts.shape == (2, 2, *size)
    assert not shifts.any()


def test_the_network_keeps_its_contract():
    check_network("flow-unet", channels=6, width=4)


def test_the_method_keeps_its_contract():
    check_method(method(), groups=["generator", "discriminator", "registration"])


def test_a_step_is_that_of_the_paper_written_out():
    made = method()
    nn.init.normal_(made.registration.last.weight, std=0.05)
    source, target = noise(2, 3, 32, 32), noise(2, 3, 32, 32, seed=1)
    batch = Batch(source=source, target=target, keys=["a", "b"], draws=torch.arange(2))
    judge = made.discriminator
    fake = made.generator(source)
    shifts = made.registration(torch.cat([fake, target], 1))
    kernels = torch.tensor([[[[-1.0], [1.0]]]]), torch.tensor([[[[-1.0, 1.0]]]])
    steps = [conv2d(shifts[:, [c]], kernel) for c in (0, 1) for kernel in kernels]
    smooth = 10 * sum(0.5 * s.square().mean() for s in steps)
    distance = 20 * (warped(fake, shifts) - target).abs().mean()
    gan = (judge(None, fake).logits[0] - 1).square().mean()
    on_real, on_fake = judge(None, target).logits[0], judge(None, fake.detach()).logits[0]
    wanted = {
        "generator": gan + distance + smooth,
        "registration": gan + distance + smooth,
        "discriminator": ((on_real - 1).square().mean() + on_fake.square().mean()) / 2,
    }
    losses = {}
    logs = made.train_step(batch, losses.update, step=0)
    assert losses.keys() == wanted.keys()
    for group, network in made.networks.items():
        parameters = list(network.parameters())
        given, ours = (torch.autograd.grad(x[group], parameters, retain_graph=True) for x in (losses, wanted))
        torch.testing.assert_close(given, ours)
    assert logs["reconstruction"].item() == pytest.approx(distance.item(), rel=1e-5)
    assert logs["smoothness"].item() == pytest.approx(smooth.item(), rel=1e-5)


def test_the_mean_shift_is_left_to_the_generator():
    made = method(centred=True)
    nn.init.constant_(made.registration.last.bias, 2.0)
    source, target = noise(2, 3, 32, 32), noise(2, 3, 32, 32, seed=1)
    batch = Batch(source=source, target=target, keys=["a", "b"], draws=torch.arange(2))
    for step in range(1, 4):
        moved_by = 2 * 0.99**step  # less the running mean, which has 1 - 0.99 ** step of it
        terms = made.generator_terms(source, batch)
        wanted = 20 * (warped(source, torch.full((2, 2, 32, 32), moved_by)) - target).abs().mean()
        torch.testing.assert_close(terms["reconstruction"], wanted)
    other = method(centred=True)
    other.load_state_dict(made.state_dict())
    torch.testing.assert_close(other.mean_shift, torch.full((2,), 2 * (1 - 0.99**3)))


def test_pixels_that_are_left_out_give_no_distance():
    made = method()
    valid = torch.ones(1, 1, 32, 32)
    valid[..., :16] = 0
    source, target = noise(1, 3, 32, 32), noise(1, 3, 32, 32, seed=1) * valid
    whole = [noise(1, 3, 32, 32, seed=s) * (1 - valid) + source * valid for s in (2, 3)]
    for each in whole:
        batch = Batch(source=each, target=target, keys=["a"], draws=torch.zeros(1, dtype=torch.int64), valid=valid)
        moved = made.generator_terms(made.generator(each) * valid, batch)["reconstruction"]
        made_of_right = 20 * ((made.generator(each) - target) * valid).abs().mean()  # no shifts at the beginning
        torch.testing.assert_close(moved, made_of_right)


@pytest.mark.slow
def test_it_finds_a_shift():
    """Of pictures that are moved by 3 and -2 pixels, by descent on the distance alone."""
    torch.manual_seed(0)
    network = FlowUNet(channels=1, width=8, depth=3)
    smooth = nn.functional.avg_pool2d(noise(8, 1, 52, 52), 5, 1)
    still, moved = smooth[:, :, 8:40, 8:40], smooth[:, :, 11:43, 6:38]
    adam = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(120):
        shifts = network(torch.cat([still, moved], 1))
        loss = (warped(still, shifts) - moved).abs().mean() + 0.1 * roughness(shifts)
        adam.zero_grad()
        loss.backward()
        adam.step()
    inner = shifts[:, :, 8:-8, 8:-8].detach().mean((0, 2, 3))
    torch.testing.assert_close(inner, torch.tensor([3.0, -2.0]), atol=0.5, rtol=0)


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    pairs = ComponentRef("toy", {"pairs": 6})
    settings = {"generator.depth": "", "generator.blocks": "1", "generator.width": "4", "registration.width": "4"}
    settings |= {"discriminator.layers": "", "metrics": "[]", "train.save_every": "2", "train.schedule": "constant"}
    whole = trainer.fit(job(tmp_path / "whole", {**settings, "train.steps": "4"}, dataset=pairs, recipe="reggan"))
    trainer.fit(job(tmp_path / "half", {**settings, "train.steps": "2"}, dataset=pairs, recipe="reggan"))
    resumed = trainer.fit(go_on(tmp_path / "half", {**settings, "train.steps": "4"}, dataset=pairs, recipe="reggan"))
    for name in ("model.safetensors", "optimizer.safetensors"):
        ends = [(each.checkpoint / name).read_bytes()[-20_000:] for each in (whole, resumed)]
        assert ends[0] == ends[1]
