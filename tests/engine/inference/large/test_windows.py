"""Pictures that are read and written by windows: the same as the whole picture, each part once, in order."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_tiles import KINDS, model_of, scene

from imtrans.engine.inference.forward import inference_mode
from imtrans.engine.inference.large.footprint import TileLimits
from imtrans.engine.inference.large.tiles import Tiling
from imtrans.engine.inference.large.windows import aligned


@pytest.mark.parametrize("kind", ["statistics of training", "statistics of the picture", "instance norm"])
@pytest.mark.parametrize("limits", [TileLimits(), TileLimits(tile=160)])
def test_windows_give_what_the_whole_picture_gives(tmp_path, kind, limits):
    translator, picture = model_of(tmp_path, KINDS[kind]), scene(200, 304)[:197, :301]
    whole = translator.translate(picture, size="native").astype(int)
    output, places = np.full(whole.shape, -99), []

    def write(rows, columns, values):
        assert (output[np.ix_(rows, columns)] == -99).all()  # nothing is written twice
        places.append((rows.start, columns.start))
        output[np.ix_(rows, columns)] = values

    read = lambda rows, columns: picture[rows.start : rows.stop, columns.start : columns.stop]  # noqa: E731
    translator.run_windows(read, (197, 301), write, limits=limits)
    assert places == sorted(places)
    assert len(places) > 1 or limits == TileLimits()
    assert np.abs(output - whole).max() <= 1
    assert (output != whole).mean() < 0.01


def test_cores_begin_where_tiles_of_files_do():
    large = Tiling(tile=(1000, 1000), overlap=(64, 64), stride=(8, 8))
    assert aligned(large) == replace(large, tile=(768 + 128, 768 + 128), is_aligned=True)
    for tile, overlap, stride in ((300, 64, 4), (1200, 48, 48)):
        small = Tiling(tile=(tile, tile), overlap=(overlap, overlap), stride=(stride, stride))
        assert aligned(small) == small


def test_without_limits_they_take_a_gigabyte_at_most(tmp_path):
    translator = model_of(tmp_path, KINDS["statistics of training"])
    with inference_mode(translator.model, seed=0), torch.no_grad():
        tiling = translator.footprint.windows((50_000, 50_000), TileLimits())
        assert math.prod(tiling.tile) * translator.footprint.bytes_per_pixel <= 2**30
        assert tiling.core[0] % 256 == 0
        assert translator.footprint.windows((40, 90), TileLimits()).count((40, 88)) == 1
