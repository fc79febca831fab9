"""Sizes: any number of channels, and one rule for the nearest pixel."""

import itertools

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from imtrans.engine.evaluation.eval_samples import resize_to
from imtrans.kit.images import nearest_indices, resize, resize_nearest, with_channels

SIZES = [*range(1, 40), 64, 96, 100, 171, 256, 300, 333, 384, 512, 1000, 1024, 1080, 1920, 2048]


def by_pillow(n_in, n_out):
    row = Image.fromarray(np.arange(n_in, dtype=np.int32)[None])
    return np.asarray(row.resize((n_out, 1), Image.Resampling.NEAREST))[0]


def test_the_nearest_pixel_is_that_of_pillow_and_of_opencv():
    is_new = int(cv2.__version__.split(".")[0]) >= 5  # until then NEAREST_EXACT took others
    for n_in, n_out in itertools.product(SIZES, SIZES):
        indices = nearest_indices(n_in, n_out)
        assert np.array_equal(indices, by_pillow(n_in, n_out)), (n_in, n_out)
        if is_new:
            row = np.arange(n_in, dtype=np.int32)[None]
            exact = cv2.resize(row, (n_out, 1), interpolation=cv2.INTER_NEAREST_EXACT)[0]
            assert np.array_equal(indices, exact), (n_in, n_out)


def test_off_ties_the_nearest_pixel_is_where_the_centre_lies():
    for n_in, n_out in itertools.product(SIZES, SIZES):
        numerator, denominator = (2 * np.arange(n_out) + 1) * n_in, 2 * n_out
        is_tie = numerator % denominator == 0
        differs = nearest_indices(n_in, n_out) - numerator // denominator
        assert not differs[~is_tie].any()
        assert set(differs.tolist()) <= {0, -1}


@pytest.mark.parametrize("size", [(9, 4), (15, 40), (3, 7), (21, 31)])
def test_loader_and_metric_take_the_same_pixels(size):
    """An odd factor, ties (30 to 40 and 20 to 4), and neither."""
    ids = np.arange(9 * 30, dtype=np.int64).reshape(9, 30, 1) + 2**33
    loaded = resize(ids, size, "nearest")
    plane = torch.from_numpy(ids).movedim(-1, 0)[None]
    assert loaded.dtype == np.int64
    assert torch.equal(resize_nearest(plane, size)[0].movedim(0, -1), torch.from_numpy(loaded))
    assert torch.equal(resize_to(plane, size, "nearest"), resize_nearest(plane, size))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "area", "lanczos", "nearest"])
def test_a_channel_is_resized_as_if_it_were_alone(interpolation, dtype):
    picture = (np.random.default_rng(0).random((20, 30, 150)) * 255).astype(dtype)
    for channels, size in itertools.product((1, 2, 3, 4, 5, 13, 129, 150), ((10, 15), (13, 7), (41, 50))):
        resized = resize(picture[..., :channels], size, interpolation)
        assert (resized.shape, resized.dtype) == ((*size, channels), dtype)
        alone = resize(picture[..., channels - 1 : channels], size, interpolation)
        # OpenCV rounds some whole numbers differently by the number of channels.
        assert np.abs(resized[..., -1:].astype(float) - alone).max() <= (1e-3 if dtype == np.float32 else 1)


def test_a_thousand_channels_are_resized():
    picture = np.broadcast_to(np.arange(1024, dtype=np.uint16), (6, 8, 1024))
    for interpolation in ("bilinear", "area", "nearest"):
        assert np.array_equal(resize(picture, (3, 4), interpolation), picture[:3, :4])


def test_float_colour_becomes_grey_without_rounding():
    colour = np.array([[[0.5, 0.25, 0.1]]], np.float32)
    grey = with_channels(colour, 1)
    assert grey.dtype == np.float32
    assert grey.item() == pytest.approx(0.299 * 0.5 + 0.587 * 0.25 + 0.114 * 0.1)
