"""CIE Lab by the formula."""

import numpy as np
import pytest
import torch

from imtrans.kit.images.color import join_lab, split_lab


@pytest.fixture(scope="module")
def colours():
    """A sample of all 8-bit colours: every value of each channel, and all corners; (H, W, 3)."""
    levels = np.array([*range(0, 256, 15), 1, 2, 10, 11, 254], np.uint8)
    lattice = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
    greys = np.arange(256, dtype=np.uint8)
    others = np.random.default_rng(0).integers(0, 256, (100_000, 3), dtype=np.uint8)
    return np.concatenate([lattice, np.repeat(greys[:, None], 3, 1), others])[None]


def test_every_colour_comes_back_exactly(colours):
    """All 16,777,216 do (counted once); this is a sample of them."""
    lightness, ab = split_lab(colours)
    assert (lightness.dtype, ab.dtype) == (np.float32, np.float32)
    assert np.array_equal(join_lab(lightness, ab), colours)


def test_lab_is_that_of_kornia(colours):
    from kornia.color import rgb_to_lab

    wanted = rgb_to_lab(torch.from_numpy(colours / 255).movedim(-1, 0)[None])[0].movedim(0, -1).numpy()
    np.testing.assert_allclose(np.concatenate(split_lab(colours), -1), wanted, atol=1e-4)


def test_lab_is_that_of_scikit_image(colours):
    color = pytest.importorskip("skimage.color")
    np.testing.assert_allclose(np.concatenate(split_lab(colours), -1), color.rgb2lab(colours), atol=1e-5)


def test_colours_outside_the_gamut_are_clipped():
    lightness, ab = np.full((1, 2, 1), 50, np.float32), np.array([[[110, -110], [-110, 110]]], np.float32)
    picture = join_lab(lightness, ab)
    assert picture.dtype == np.uint8
    assert {0, 255} & set(picture.reshape(-1).tolist())
