"""DiffAugment against the authors' formulas, its law over many draws, its gradients, what it refuses."""

import pytest
import torch
from torch.nn.functional import pad

from imtrans.errors import ConfigError
from imtrans.interfaces import ImageSpec
from imtrans.kit.random import uniform
from imtrans.testing import make
from imtrans_discriminator_augmentation.diffaugment import outside, recoloured, shifted, shifts

KIND = "discriminator_augmentation"
DRAWS = torch.tensor([11, 22, 33, 44, 55])


def images(channels=3, count=5, size=(12, 16), dtype=torch.float32):
    return torch.rand(count, channels, *size, generator=torch.Generator().manual_seed(1), dtype=dtype) * 2 - 1


def authors_translation(x, down, right):
    """As in DiffAugment_pytorch.py: gathered from an image with a border of 1, where it reads what lies outside."""
    count, _, height, width = x.shape
    grids = torch.meshgrid(torch.arange(count), torch.arange(height), torch.arange(width), indexing="ij")
    rows = (grids[1] - down.view(-1, 1, 1) + 1).clamp(0, height + 1)
    columns = (grids[2] - right.view(-1, 1, 1) + 1).clamp(0, width + 1)
    return pad(x, [1, 1, 1, 1]).permute(0, 2, 3, 1)[grids[0], rows, columns].permute(0, 3, 1, 2)


def authors_cutout(size, offsets, side):
    """The mask of DiffAugment_pytorch.py, from the offsets that it draws below size + (1 - side % 2)."""
    mask = torch.ones(len(offsets), *size)
    for row, (down, right) in enumerate(offsets.tolist()):
        for y in range(side[0]):
            for x in range(side[1]):
                at = y + down - side[0] // 2, x + right - side[1] // 2
                mask[row, min(max(at[0], 0), size[0] - 1), min(max(at[1], 0), size[1] - 1)] = 0
    return mask[:, None]


def test_colours_are_the_authors_formulas():
    x, numbers = images(), torch.rand(5, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for row in range(5):
        b, s, c = numbers[row].tolist()
        one = x[row] + (b - 0.5)
        one = (one - one.mean(0, keepdim=True)) * (s * 2) + one.mean(0, keepdim=True)
        one = (one - one.mean()) * (c + 0.5) + one.mean()
        torch.testing.assert_close(recoloured(x, numbers, of="rgb")[row], one, atol=1e-6, rtol=0)


def test_the_middle_of_all_numbers_changes_no_colour():
    half = torch.full((5, 3), 0.5)
    for kind, channels in (("rgb", 3), ("grey", 1), ("bands", 6)):
        x = images(channels)
        torch.testing.assert_close(recoloured(x, half, of=kind), x, atol=1e-6, rtol=0)


def test_bands_that_are_no_colours_keep_their_differences():
    x, numbers = images(5), torch.tensor([[0.9, 0.0, 0.5]]).repeat(5, 1)  # a saturation of 0 would make them equal
    torch.testing.assert_close(recoloured(x, numbers, of="bands"), x + 0.4)


def test_translation_is_the_authors():
    x, moves = images(), torch.tensor([[0, 0], [1, -2], [-1, 2], [12, 0], [0, -16]])
    assert torch.equal(shifted(x, moves), authors_translation(x, *moves.unbind(1)))


def test_cutout_is_the_authors():
    numbers = torch.tensor([[0.0, 0.0], [0.999999, 0.999999], [0.3, 0.7], [0.5, 0.5]], dtype=torch.float64)
    for size in ((12, 16), (10, 7)):
        side = [int(n * 0.5 + 0.5) for n in size]
        places = torch.tensor([n + (1 - s % 2) for n, s in zip(size, side, strict=True)])
        assert torch.equal(
            outside(numbers, size, share=0.5).float(), authors_cutout(size, (numbers * places).long(), side)
        )


def test_every_shift_is_equally_likely_and_none_is_larger():
    drawn = shifts(uniform(range(9000), 2, stream="law"), (16, 32), share=0.125)
    assert (drawn.amin(0).tolist(), drawn.amax(0).tolist()) == ([-2, -4], [2, 4])
    for axis, places in ((0, 5), (1, 9)):
        counts = drawn[:, axis].unique(return_counts=True)[1]
        assert len(counts) == places
        # Four standard deviations of a count.
        assert (counts - 9000 / places).abs().max() < 4 * (9000 / places) ** 0.5


def test_the_law_of_brightness_saturation_and_contrast():
    augmentation, flat = make(KIND, "diffaugment", policy=("color",)), torch.zeros(4000, 3, 1, 1)
    # Of one grey pixel only the brightness changes anything.
    light = augmentation(None, flat, torch.arange(4000), stream="real")[1][:, 0, 0, 0]
    assert light.min() >= -0.5
    assert light.max() < 0.5
    assert light.mean().abs() < 4 * (1 / 12 / 4000) ** 0.5
    assert light.var().item() == pytest.approx(1 / 12, rel=0.05)


def test_real_and_fake_and_the_generators_pass_are_drawn_apart_and_repeat():
    augmentation, x = make(KIND, "diffaugment"), images()
    given = {s: augmentation(x, x, DRAWS, stream=s)[1] for s in (".real", ".fake", ".generator")}
    assert not any(torch.equal(given[".real"], given[s]) for s in (".fake", ".generator"))
    assert torch.equal(augmentation(x, x, DRAWS, stream=".real")[1], given[".real"])
    alone = augmentation(x[2:3], x[2:3], DRAWS[2:3], stream=".real")[1]
    torch.testing.assert_close(alone, given[".real"][2:3])


def test_source_and_image_move_together_and_the_source_keeps_its_values():
    augmentation, x = make(KIND, "diffaugment", policy=("translation", "cutout")), images()
    source, image = augmentation(x, x, DRAWS, stream="s")
    assert torch.equal(source, image)
    colours = make(KIND, "diffaugment", policy=("color",))
    source, image = colours(x, x, DRAWS, stream="s")
    assert torch.equal(source, x)
    assert not torch.allclose(image, x, atol=0.05)


def test_volumes_are_moved_and_cut_along_all_axes():
    x = torch.ones(64, 1, 8, 8, 8)
    cut = make(KIND, "diffaugment", policy=("cutout",))(None, x, torch.arange(64), stream="s")[1]
    assert 1 - 4**3 / 8**3 <= cut.mean() <= 1  # a box of 4 x 4 x 4 that may stick out
    moved = make(KIND, "diffaugment", policy=("translation",))(None, x, torch.arange(64), stream="s")[1]
    assert {round(float(m), 4) for m in moved.flatten(1).mean(1)} <= {round((7 / 8) ** n, 4) for n in range(4)}


@pytest.mark.slow
def test_gradients_are_those_of_finite_differences():
    augmentation, x = make(KIND, "diffaugment"), images(count=2, size=(5, 6), dtype=torch.float64).requires_grad_()
    source = images(channels=2, count=2, size=(5, 6), dtype=torch.float64).requires_grad_()
    called = lambda s, i: augmentation(s, i, DRAWS[:2], stream="s")  # noqa: E731
    assert torch.autograd.gradcheck(called, (source, x))
    assert torch.autograd.gradgradcheck(called, (source, x))


@pytest.mark.parametrize(
    ("spec", "what"),
    [(ImageSpec(kind="labels", channels=1, classes=5), "class planes"), (ImageSpec(channels=2, space="lab-ab"), "Lab")],
)
def test_colours_of_what_has_none_are_refused_with_the_way_out(spec, what):
    with pytest.raises(ConfigError, match=rf"diffaugment.policy: the discriminator sees .*{what}") as caught:
        make(KIND, "diffaugment").copy_for(spec)
    assert """--set 'discriminator_augmentation.diffaugment.policy=["translation", "cutout"]'""" in caught.value.hint
    made = make(KIND, "diffaugment", policy=("translation", "cutout")).copy_for(spec)
    assert made(None, images(spec.num_channels), DRAWS, stream="s")[1].shape == (5, spec.num_channels, 12, 16)
