"""Tiles give what the whole picture gives, for every kind of norm, and no seam shows."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from factories import job
from torch import nn

from imtrans.engine.device import free_memory
from imtrans.engine.inference.forward import inference_mode
from imtrans.engine.inference.large.footprint import Footprint, TileLimits
from imtrans.engine.inference.large.reach import measured_bytes, measured_reach
from imtrans.engine.inference.large.tiles import Tiling
from imtrans.engine.inference.translator import Translator
from imtrans.errors import ConfigError

KINDS = {
    "statistics of training": {"inference.norm": "running"},
    "statistics of the picture": {"inference.norm": "batch"},
    "instance norm": {"generator.norm": "instance"},
    "residual network": {"generator": "resnet6", "generator.depth": "", "inference.norm": "batch"},
}


def model_of(folder: Path, settings: dict[str, str]) -> Translator:
    made = job(folder / "run", {**settings, "inference.dropout": "false"})
    with torch.no_grad():  # as after some training: no norm does what it did at the start
        for parameter in made.model.networks["generator"].parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return Translator(made.model)


def scene(height: int, width: int) -> np.ndarray:
    """A smooth picture, whose left is unlike its right: statistics of a tile are not those of the whole."""
    cells = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
    picture = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    return (picture * np.linspace(0.2, 1, width)[None, :, None]).astype(np.uint8)


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=pytest.mark.slow) if k == "residual network" else k for k in KINDS]
)
def test_tiles_give_what_the_whole_picture_gives(tmp_path, kind):
    translator, picture = model_of(tmp_path, KINDS[kind]), scene(200, 300)
    whole = translator.translate(picture, size="native").astype(int)
    with inference_mode(translator.model, seed=0):
        tiling = translator.footprint.tiling((200, 300), TileLimits(tile=160))
    assert tiling is not None
    assert tiling.count((200, 304)) > 4
    tiled = translator.translate(picture, size="native", tile=160).astype(int)
    assert whole.std() > 2
    # Where a value lies on the edge of rounding the last bit decides: one level, of few pixels.
    assert np.abs(tiled - whole).max() <= 1
    assert (tiled != whole).mean() < 0.01


def test_no_seam_is_at_the_borders_of_tiles(tmp_path):
    translator, picture = model_of(tmp_path, KINDS["statistics of the picture"]), scene(200, 300)
    with inference_mode(translator.model, seed=0):
        tiles = translator.footprint.tiling((200, 300), TileLimits(tile=160)).tiles((200, 304))
    whole, tiled = (translator.translate(picture, size="native", tile=n).astype(int) for n in (0, 160))
    jumps, usual = (np.abs(np.diff(x, axis=1)).mean((0, 2)) for x in (tiled, whole))
    borders = sorted({tile.cores[1].start - 1 for tile in tiles} - {-1})
    assert len(borders) > 1
    assert jumps[borders].mean() <= 1.1 * usual[borders].mean()


@pytest.mark.parametrize(("depth", "width"), [(2, 2), (3, 2)])
def test_nothing_further_than_the_reach_changes_a_pixel(tmp_path, depth, width):
    papers = {"generator.upsampling": "transposed", "generator.detail": "0", **KINDS["statistics of training"]}
    translator = model_of(tmp_path, {"generator.depth": str(depth), "generator.width": str(width), **papers})
    stride = 2**depth
    with inference_mode(translator.model, seed=0):
        reach, along = translator.footprint.reach
    assert reach == along
    assert stride <= reach < 2 * stride  # by the convolutions of a U-Net: 2**depth - 1 on either side of a block
    picture = scene(64, 128)
    changed = picture.copy()
    changed[:, 64 : 64 + stride] = 255 - changed[:, 64 : 64 + stride]
    one, two = (translator.translate(x, size="native") for x in (picture, changed))
    columns = np.nonzero((one != two).any((0, 2)))[0]
    assert 64 - reach <= columns[0] < 64
    assert 64 + stride <= columns[-1] <= 64 + stride - 1 + reach


def test_a_network_that_sees_everything_is_not_tiled(tmp_path):
    class Brightness(nn.Module):
        def forward(self, x):
            return x - x.mean((2, 3), keepdim=True)

    assert measured_reach(Brightness(), 3, (1, 1), device=torch.device("cpu")) is None
    translator = model_of(tmp_path, {})
    translator.footprint.reach = None
    with pytest.raises(ConfigError, match="sees the whole picture"):
        translator.translate(scene(64, 64), size="native", tile=32)


def test_the_reach_of_convolutions_is_known():
    device = torch.device("cpu")
    net = nn.Sequential(nn.Conv2d(3, 4, 7, padding=3), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1))
    with torch.no_grad():
        assert measured_reach(net, 3, (1, 1), device=device) == (4, 4)
        assert measured_reach(nn.Conv2d(3, 3, 3, padding=4, dilation=4), 3, (1, 1), device=device) == (4, 4)
        assert measured_bytes(nn.ReLU(), torch.zeros(1, 3, 64, 64)) == 3 * 4  # its result, of 4 bytes a value


@pytest.mark.slow
def test_measuring_the_memory_of_a_picture_does_not_import_torchs_compiler():
    source = (
        "import sys, torch; from imtrans.engine.inference.large.reach import measured_bytes\n"
        "assert measured_bytes(torch.nn.Conv2d(3, 2, 3, padding=1), torch.zeros(1, 3, 64, 64)) >= 2 * 4\n"
        "sys.exit(3 if 'torch._dynamo' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_tiles_that_are_too_small_are_refused_with_the_least_size(tmp_path):
    with pytest.raises(ConfigError, match=r"tiles of 40 pixels.*needs at least 56") as error:
        Tiling.of(40, size=(99, 30), reach=(20, 20), stride=(8, 8))
    assert "--tile 56" in error.value.hint
    both = Tiling.of(63, size=(99, 30), reach=(20, 20), stride=(8, 8))
    assert both == Tiling(tile=(56, 56), overlap=(24, 24), stride=(8, 8))
    # An axis that a tile holds as a whole is not cut, and needs no overlap.
    assert Tiling.of(40, size=(30, 99), reach=(99, 10), stride=(8, 8)).count((32, 104)) == 9


def test_the_memory_decides_whether_there_are_tiles(tmp_path):
    translator = model_of(tmp_path, KINDS["statistics of training"])
    footprint = Footprint(translator.model)
    with inference_mode(translator.model, seed=0):
        enough = int(footprint.bytes_per_pixel * 512 * 512)
        assert footprint.tiling((512, 512), TileLimits(memory=enough + 1000)) is None
        tiling = footprint.tiling((512, 512), TileLimits(memory=enough // 4))
        assert tiling is not None
        assert max(tiling.tile) <= 256
        assert footprint.tiling((512, 512), TileLimits()) is None  # too small to look at the memory
    assert free_memory(torch.device("cpu")) > 10**8


@pytest.mark.parametrize("is_aligned", [False, True])
def test_tiles_have_one_size_and_see_what_their_cores_need(is_aligned):
    tiling = Tiling(tile=(24, 40), overlap=(8, 4), stride=(4, 4), is_aligned=is_aligned)
    for size in ((24, 44), (28, 40), (64, 164), (100, 60)):
        covered = np.zeros(size, int)
        for tile in tiling.tiles(size):
            covered[np.ix_(*tile.cores)] += 1
            for axis, (window, core) in enumerate(zip(tile.windows, tile.cores, strict=True)):
                assert len(window) == min(tiling.tile[axis], size[axis])
                assert window.start <= max(0, core.start - tiling.overlap[axis])
                assert window.stop >= min(size[axis], core.stop + tiling.overlap[axis])
        assert (covered == 1).all()
    rows = {tile.cores[0].start for tile in tiling.tiles((64, 40))}
    assert rows == ({0, 8, 16, 24, 32, 40, 48, 56} if is_aligned else {0, 16, 24, 32, 40, 48})
