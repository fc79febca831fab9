"""ADA: its changes against formulas of their own, and the probability that it steers."""

import math

import pytest
import torch

from imtrans.errors import ConfigError, ShapeError
from imtrans.interfaces import DiscriminatorOutput, ImageSpec
from imtrans.testing import make
from imtrans_discriminator_augmentation import affine, colors

KIND = "discriminator_augmentation"
ALL = torch.ones(1, 5, dtype=torch.bool)


def images(channels=3, count=5, size=(12, 12), dtype=torch.float32):
    return torch.rand(count, channels, *size, generator=torch.Generator().manual_seed(1), dtype=dtype) * 2 - 1


def steered(**options):
    return make(KIND, "ada", **{"kimg": 0.32, **options})


def play(ada, signs, *, first=0, count=8):
    """A step of eight pictures for each share of patches that count as real."""
    for step, share in enumerate(signs, first):
        ada.begin(step)
        logits = torch.full((count, 1, 1, 20), -1.0)
        logits[..., : round(share * 20)] = 1.0
        ada.observe(DiscriminatorOutput([logits]), threshold=0.0)


def test_a_probability_of_0_changes_nothing():
    x = images()
    source, image = make(KIND, "ada")(x, x, torch.arange(5), stream="s")
    assert source is x
    assert image is x


def test_the_probability_follows_a_script_of_signs():
    # 4 steps of 8 pictures are 32, a tenth of 320. r is 2 * share - 1; the target .6 is a share of .8.
    ada, seen = steered(), []
    for step, share in enumerate([1, 1, 1, 1, 0.9, 0.9, 0.7, 0.9, 0, 0, 0, 0, 1, 1, 0.4, 1]):
        play(ada, [share], first=step)
        seen.append(round(ada.values()["augment_p"], 6))
    play(ada, [1], first=16)
    seen.append(round(ada.values()["augment_p"], 6))
    # 1 > .6: up; mean of .8, .8, .4, .8 is .7: up; -1: down; mean of 1, 1, -.2, 1 is .7: up.
    assert seen == [0.0] * 4 + [0.1] * 4 + [0.2] * 4 + [0.1] * 4 + [0.2]
    assert ada.values()["augment_r"] == pytest.approx(0.7)


def test_the_probability_stops_at_0_at_its_limit_and_on_the_target():
    ada = steered(limit=0.25)
    play(ada, [0.0] * 9)
    assert ada.values()["augment_p"] == 0
    play(ada, [1.0] * 20, first=9)
    assert ada.values()["augment_p"] == 0.25
    ada = steered(target=0.5, start=0.3)
    play(ada, [0.75] * 9)
    assert ada.values()["augment_p"] == 0.3


def test_signs_are_counted_from_where_the_loss_has_its_middle_and_scales_count_alike():
    ada = steered(interval=1)
    ada.begin(0)
    fine, coarse = torch.full((2, 1, 4, 4), 0.4), torch.full((2, 1, 2, 2), 0.6)
    ada.observe(DiscriminatorOutput([fine, coarse]), threshold=0.5)
    ada.begin(1)
    assert ada.values()["augment_r"] == 0
    ada.observe(DiscriminatorOutput([fine]), threshold=0.0)
    ada.begin(2)
    assert ada.values()["augment_r"] == 1


def test_parts_of_a_batch_are_one_minibatch():
    whole, parts = steered(), steered()
    play(whole, [1.0] * 9)
    for step in range(9):
        play(parts, [1.0], first=step, count=6)
        play(parts, [1.0], first=step, count=2)
    assert parts.state_dict().keys() == whole.state_dict().keys()
    assert parts.values() == whole.values()
    assert whole.values()["augment_p"] == pytest.approx(0.2)


def test_a_state_from_the_middle_of_an_interval_goes_on_alike():
    straight, resumed = steered(), steered()
    play(straight, [1, 1, 1, 1, 0, 0])
    resumed.load_state_dict(straight.state_dict())
    for ada in (straight, resumed):
        play(ada, [1, 1, 1], first=6)
    assert resumed.values() == straight.values()
    assert straight.values()["augment_r"] == 0  # of 0, 0, 1, 1: two steps before the state was taken, two after


def test_copies_have_probabilities_of_their_own():
    first = steered()
    one, two = first.copy_for(ImageSpec()), first.copy_for(ImageSpec())
    play(one, [1.0] * 5)
    assert (one.values()["augment_p"], two.values()["augment_p"]) == (pytest.approx(0.1), 0)


def test_mirroring_quarter_turns_and_whole_pixels_are_exact():
    x = images(count=1)
    size, off = (12, 12), torch.zeros(1, 3, dtype=torch.bool)
    for change, numbers, expected in (
        (0, [0.6, 0, 0, 0], x.flip(-1)),
        (0, [0.4, 0, 0, 0], x),
        (1, [0, 0.3, 0, 0], x.rot90(-1, (2, 3))),
        (1, [0, 0.6, 0, 0], x.rot90(2, (2, 3))),
        (1, [0, 0.9, 0, 0], x.rot90(1, (2, 3))),
    ):
        on = off.clone()
        on[0, change] = True
        maps = affine.blit(torch.tensor([numbers], dtype=torch.float64), on, size)
        torch.testing.assert_close(affine.warped(x, maps), expected, atol=2e-5, rtol=0)
    on = off.clone()
    on[0, 2] = True
    # .125 * 12 = 1.5 pixels at most: (1 - .2) of it are 1.2, rounded 1 to the right; and 1 up.
    maps = affine.blit(torch.tensor([[0, 0, 0.9, 0.1]], dtype=torch.float64), on, size)
    moved = affine.warped(x, maps)
    torch.testing.assert_close(moved[..., :-1, 1:], x[..., 1:, :-1], atol=2e-5, rtol=0)
    torch.testing.assert_close(moved[..., :-1, 0], x[..., 1:, 1], atol=2e-5, rtol=0)  # mirrored at the edge


def test_scale_turn_stretch_and_parts_of_pixels_are_these_maps():
    numbers, normal = torch.full((1, 6), 0.5, dtype=torch.float64), torch.distributions.Normal(0.0, 1.0)
    one_up = float(normal.cdf(torch.tensor(1.0, dtype=torch.float64)))
    for change, column, value, expected in (
        (0, 0, one_up, torch.diag(torch.tensor([2**0.2, 2**0.2, 1]))),
        (1, 1, 0.75, torch.tensor([[0, -1, 0], [1, 0, 0], [0, 0, 1]])),
        (2, 2, one_up, torch.diag(torch.tensor([2**0.2, 2**-0.2, 1]))),
        (3, 3, 0.25, torch.tensor([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])),
        (4, 4, one_up, torch.tensor([[1, 0, 2], [0, 1, 0], [0, 0, 1]])),
    ):
        drawn, on = numbers.clone(), torch.zeros(1, 5, dtype=torch.bool)
        drawn[0, column], on[0, change] = value, True
        maps = affine.geometry(drawn, on, (8, 16))[0]
        torch.testing.assert_close(maps, expected.double(), atol=1e-6, rtol=0)


def test_colours_are_these_formulas():
    x, numbers = images(count=1, dtype=torch.float64), torch.full((1, 5), 0.5, dtype=torch.float64)
    normal = torch.distributions.Normal(0.0, 1.0)
    one_up = float(normal.cdf(torch.tensor(1.0, dtype=torch.float64)))
    mean = x.mean(1, keepdim=True)
    for change, value, expected in (
        (0, one_up, x + 0.2),
        (1, one_up, x * 2**0.5),
        (2, 0.7, x - 2 * mean),  # the grey part turned round, the colours kept
        (2, 0.3, x),
        (3, 0.5 + 1 / 3, x.roll(1, 1)),  # a third of a turn about the grey axis: red becomes green
        (4, one_up, mean + 2 * (x - mean)),
    ):
        drawn, on = numbers.clone(), torch.zeros(1, 5, dtype=torch.bool)
        drawn[0, change], on[0, change] = value, True
        torch.testing.assert_close(colors.recoloured(x, drawn, on, of="rgb"), expected, atol=1e-6, rtol=0)


def test_grey_images_are_as_rgb_of_three_equal_channels_and_bands_only_get_lighter_and_stronger():
    grey, numbers = (
        images(1, dtype=torch.float64),
        torch.rand(5, 5, generator=torch.Generator().manual_seed(3)).double(),
    )
    on = ALL.expand(5, 5)
    as_rgb = colors.recoloured(grey.expand(-1, 3, -1, -1), numbers, on, of="rgb")
    torch.testing.assert_close(
        colors.recoloured(grey, numbers, on, of="grey").expand(-1, 3, -1, -1), as_rgb, atol=1e-6, rtol=0
    )
    bands = images(5, dtype=torch.float64)
    changed = colors.recoloured(bands, numbers, on, of="bands")
    slope = (changed[:, 0, 0, 0] - changed[:, 4, 3, 3]) / (bands[:, 0, 0, 0] - bands[:, 4, 3, 3])
    expected = slope.view(-1, 1, 1, 1) * (bands - bands[:, :1, :1, :1]) + changed[:, :1, :1, :1]
    torch.testing.assert_close(changed, expected)
    assert (slope > 0).all()


def test_each_change_comes_as_often_as_the_probability_says():
    ada = make(KIND, "ada", pipeline=("color",), start=0.3)
    grey = torch.zeros(3000, 1, 1, 1)
    lighter = ada(None, grey, torch.arange(3000), stream="s")[1].flatten() != 0
    # Of a black pixel only the brightness is seen.
    assert lighter.float().mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / 3000))
    ada = make(KIND, "ada", pipeline=("blit",), start=0.4)
    x = images(count=1).expand(3000, -1, -1, -1)
    same = (ada(None, x, torch.arange(3000), stream="s")[1] == x).flatten(1).all(1).float().mean().item()
    # Whole pixels from -1 to 1: t from -1.5 to 1.5 rounds to 0 in a third of cases on each axis.
    expected = (1 - 0.4 / 2) * (1 - 0.4 * 3 / 4) * (1 - 0.4 * (1 - (1 / 3) ** 2))
    assert same == pytest.approx(expected, abs=0.04)


def test_a_higher_probability_only_adds_changes():
    x, draws = images(1, count=200), torch.arange(200)
    changed = [
        (make(KIND, "ada", pipeline=("color",), start=p)(None, x, draws, stream="s")[1] != x).flatten(1).any(1)
        for p in (0.1, 0.5)
    ]
    assert changed[0].sum() < changed[1].sum()
    assert bool((changed[1] | ~changed[0]).all())


def test_source_and_image_move_together():
    ada, x = make(KIND, "ada", pipeline=("blit", "geometry"), start=0.8), images(3, count=5, size=(12, 16))
    source, image = ada(x[:, :2], x, torch.arange(5), stream="s")
    assert torch.equal(source, image[:, :2])
    assert not torch.equal(image, x)


@pytest.mark.slow
def test_gradients_are_those_of_finite_differences():
    ada = make(KIND, "ada", start=0.8)
    x = images(count=3, size=(5, 6), dtype=torch.float64).requires_grad_()
    source = images(2, count=3, size=(5, 6), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda s, i: ada(s, i, torch.arange(3), stream="s"), (source, x))


def test_labels_and_volumes_are_refused():
    with pytest.raises(ConfigError, match=r"ada\.pipeline: the discriminator sees class planes") as caught:
        make(KIND, "ada").copy_for(ImageSpec(kind="labels", channels=1, classes=4))
    assert """--set 'discriminator_augmentation.ada.pipeline=["blit", "geometry"]'""" in caught.value.hint
    with pytest.raises(ShapeError, match="ada: turns pictures, and these have 3 dimensions"):
        make(KIND, "ada", start=0.5)(None, torch.zeros(1, 1, 4, 4, 4), torch.arange(1), stream="s")
