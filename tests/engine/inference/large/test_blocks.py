"""Volumes block by block: the same as the whole one, for every kind of norm, and no seam shows."""

import math
import os
import sys

import nibabel
import numpy as np
import pytest
import torch
from peak_memory import peak_of_command, result_of
from three_axes import job_of_volumes
from volumes import noise, write_nifti

from imtrans.engine.inference.forward import inference_mode
from imtrans.engine.inference.large.footprint import TileLimits
from imtrans.engine.inference.large.reach import measured_reach
from imtrans.engine.inference.large.tiles import Tiling
from imtrans.engine.inference.translator import Translator
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError
from imtrans_networks3d import UNet3DOptions
from imtrans_networks3d.unet import UNet3D

KINDS = {
    "no norm": {"generator.norm": "none"},
    "statistics of training": {"generator.norm": "batch", "inference.norm": "running"},
    "instance norm": {"generator.norm": "instance"},
}


@pytest.fixture
def translator(request, tmp_path):
    """A model of volumes after some training: no norm does what it did at the start."""
    made = job_of_volumes(tmp_path, {**KINDS[request.param], "inference.dropout": "false", "generator.depth": "1"})
    torch.manual_seed(0)
    generator = made.model.networks["generator"]
    with torch.no_grad():
        for parameter in generator.parameters():
            if parameter.dim() > 1:
                torch.nn.init.kaiming_normal_(parameter)
        for name, values in generator.named_buffers():
            if name.endswith("running_mean"):
                values.normal_(0, 0.3)
            if name.endswith("running_var"):
                values.uniform_(0.5, 2)
    return Translator(made.model)


def volume(depth: int, height: int, width: int) -> np.ndarray:
    """Smooth values from 0 to 1000, whose left is unlike its right: statistics of a block are not those of all."""
    size = (depth, height, width)
    coarse = torch.rand(1, 1, *(n // 4 + 1 for n in size), generator=torch.Generator().manual_seed(0))
    fine = torch.nn.functional.interpolate(coarse, size, mode="trilinear")[0, 0].numpy()
    return np.float32(1000 * fine * np.linspace(0.2, 1, width))[..., None]


@pytest.mark.slow
@pytest.mark.parametrize("translator", KINDS, indirect=True)
def test_blocks_give_what_the_whole_volume_gives(request, translator):
    source = volume(45, 50, 61)
    whole = translator.run(source)
    with inference_mode(translator.model, seed=0):
        tiling = translator.footprint.tiling((45, 50, 61), TileLimits(tile=24))
    assert tiling.count((46, 50, 62)) > 27
    tiled = translator.run(source, limits=TileLimits(tile=24))
    assert np.ptp(whole) > 100
    # Of a range of 2000: with norms of the volume's own statistics passes end where these change by 1e-4.
    exact = "instance" not in request.node.callspec.params["translator"]
    assert np.abs(tiled - whole).max() <= 2000 * (1e-5 if exact else 1e-3)
    for axis in range(3):
        others = tuple(n for n in range(4) if n != axis)
        jumps, usual = (np.abs(np.diff(x, axis=axis)).mean(others) for x in (tiled, whole))
        borders = sorted({tile.cores[axis].start - 1 for tile in tiling.tiles((46, 50, 62))} - {-1})
        assert len(borders) > 1
        assert jumps[borders].mean() <= 1.1 * usual[borders].mean()


@pytest.mark.parametrize("planar", [0, 1])
def test_the_reach_along_each_axis_is_that_of_the_convolutions(planar):
    """depth 1: two convolutions at full size, two at half of it, two at full size, each 1 or 2 voxels far.

    2 + 2 * 2 + 2 voxels; the doubling takes a voxel's whole block of two along with it.
    """
    network = UNet3D(UNet3DOptions(depth=1, width=2, norm="none", planar_levels=planar, init_std=0))
    with torch.no_grad():
        deep, down, right = measured_reach(network, 1, network.stride, device=torch.device("cpu"))
    x = torch.randn(1, 1, 32, 32, 32, dtype=torch.float64, requires_grad=True)
    seen = np.zeros(3, int)
    for middle in ((16, 16, 16), (17, 17, 17)):
        (gradient,) = torch.autograd.grad(network.double()(x)[(0, 0, *middle)], x)
        places = gradient[0, 0].nonzero() - torch.tensor(middle)
        seen = np.maximum(seen, places.abs().amax(0).numpy())
    assert (deep, down, right) == tuple(seen)
    assert down == right > deep if planar else deep == down == right


def test_short_axes_are_not_cut_and_leave_their_memory_to_the_others(tmp_path):
    translator = Translator(job_of_volumes(tmp_path, KINDS["statistics of training"]).model)
    footprint = translator.footprint
    with inference_mode(translator.model, seed=0):
        tiling = footprint.tiling((8, 400, 400), TileLimits(memory=int(footprint.bytes_per_pixel * 8 * 100 * 100)))
        assert tiling.tile[1:] == (100, 100)
        assert {len(tile.windows[0]) for tile in tiling.tiles((8, 400, 400))} == {8}
        assert {len(tile.windows[1]) for tile in tiling.tiles((8, 400, 400))} == {100}
        with pytest.raises(ConfigError, match="and needs at least") as caught:
            footprint.tiling((200, 400, 400), TileLimits(memory=10**5))
        assert "--memory 1GB" in caught.value.hint
    assert Tiling.of(20, size=(8, 30, 30), reach=(50, 4, 4), stride=(4, 4, 4)).count((8, 32, 32)) == 4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A model of volumes whose norms have the statistics of training."""
    folder = tmp_path_factory.mktemp("trained")
    settings = {
        **KINDS["statistics of training"],
        "generator.depth": "1",
        "generator.width": "2",
        "generator.init_std": "0.3",
    }
    trainer.fit(job_of_volumes(folder, {**settings, "train.steps": "2", "metrics": "[]"}))
    return folder / "run"


@pytest.mark.slow
def test_a_file_is_translated_block_by_block_as_it_is_as_a_whole(run, cli, tmp_path):
    source = write_nifti(tmp_path / "mr.nii", np.rint(volume(40, 30, 50)[..., 0]).astype(np.int16))
    made = []
    for name, limits in (("whole", ()), ("blocks", ("--tile", "24"))):
        outcome = cli("translate", str(run), str(source), "-o", str(tmp_path / f"{name}.nii"), *limits)
        assert outcome.code == 0, outcome.err
        made.append(nibabel.load(tmp_path / f"{name}.nii"))
    assert made[0].affine.tobytes() == made[1].affine.tobytes()
    whole, tiled = (np.asarray(image.dataobj) for image in made)
    assert whole.shape == (40, 30, 50)
    assert np.abs(tiled - whole).max() <= 2000 * 1e-5
    assert np.ptp(whole) > 1
    outcome = cli("translate", str(run), str(source), "-o", str(tmp_path / "no.nii"), "--tile", "8")
    assert "needs at least" in outcome.err


@pytest.mark.slow
def test_the_memory_does_not_grow_with_the_volume(run, tmp_path):
    """Four times as many voxels, for which the network would take 1.4 GB more."""
    peaks = []
    for number, slices in enumerate((64, 256)):
        source = write_nifti(tmp_path / f"{number}.nii", noise(slices, 192, 192, high=1000, dtype=np.int16))
        made = tmp_path / f"out{number}.nii"
        peaks.append(peak_of_command("translate", run, source, "-o", made, "--memory", "200MB"))
    print([peak / 1e6 for peak in peaks])
    assert peaks[1] < peaks[0] + 60e6


COUNTED = """
from pathlib import Path
import torch
from factories import job, pairs
from peak_memory import peak_of_command, result_of
from three_axes import job_of_volumes
from volumes import noise, write_nifti
from imtrans.engine.inference.forward import translate
from imtrans.engine.inference.translator import Translator

kind, folder, size = sys.argv[1], Path(sys.argv[2]), [int(n) for n in sys.argv[3].split("x")]
detail = {"generator.detail": "16", "generator.width": "4", "generator.depth": "3"}
made = job_of_volumes(folder, {}) if kind == "unet3d" else job(folder / "run", detail, dataset=pairs(folder / "data"))
translator = Translator(made.model)
with translator._state(0):
    counted = translator.footprint.bytes_per_pixel
    picture = torch.zeros(1, made.model.data_spec.source.num_channels, *size)
    before = bytes_of("VmRSS")
    translate(made.model, picture)
print(json.dumps([counted, bytes_of("VmHWM") - before]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "size"), [("detail", (1536, 1536)), ("unet3d", (128, 128, 128))])
def test_a_pixel_of_a_narrow_network_at_full_size_takes_no_more_than_is_counted(kind, size, tmp_path, monkeypatch):
    """Libraries keep copies in blocks of 16 channels, of which a network of 4 uses a quarter."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    counted, taken = result_of(COUNTED, kind, tmp_path, "x".join(map(str, size)))
    print(counted, taken / math.prod(size))
    assert 0.4 * counted < taken / math.prod(size) <= counted
