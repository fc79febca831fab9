"""A slide far larger than memory: what it takes, and that nothing shows where tiles meet."""

import zlib

import cv2
import numpy as np
import pytest
import tifffile
from factories import job, pairs
from peak_memory import peak_of_command

import imtrans
from imtrans.engine.inference.large.footprint import TileLimits
from imtrans.engine.training import trainer
from imtrans_microscopy.tiff_slide import TiffSlide

SIDE, TILE = 20_000, 512
STRIDE = 4  # of the network, at which it makes steps of its own
BAND = 19  # the first of two rows, and columns, of tiles that the slide has; there are no others


def content(height, width):
    """Soft clouds, as continuous across borders of tiles as elsewhere, darker on the left than on the right."""
    random = np.random.default_rng(0)
    coarse = (
        random.uniform(0, 1, (height // 96 + 1, width // 96 + 1, 3)) * np.linspace(40, 255, width // 96 + 1)[:, None]
    )
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def write_cross(path, side):
    """A slide of a cross of tiles; the rows that have them, which are the columns, too."""
    low, count = BAND, -(-side // TILE)
    band = content(2 * TILE, count * TILE)

    def tiles():
        for y in range(count):
            for x in range(count):
                if y - low in (0, 1):
                    yield zlib.compress(band[(y - low) * TILE :][:TILE, x * TILE : (x + 1) * TILE].tobytes(), 1)
                elif x - low in (0, 1):  # its transpose, which meets the other band in a jump
                    part = band.transpose(1, 0, 2)[y * TILE : (y + 1) * TILE, (x - low) * TILE :]
                    yield zlib.compress(part[:, :TILE].tobytes(), 1)
                else:
                    yield b""

    options = {"tile": (TILE, TILE), "photometric": "rgb", "compression": "zlib"}
    shape = (side, side, 3)
    tifffile.imwrite(path, tiles(), shape=shape, dtype="uint8", ome=True, metadata={"axes": "YXS"}, **options)
    return range(low * TILE, (low + 2) * TILE)


def seam(raster, band, core, *, is_turned):
    """The mean step across borders of cores, as a multiple of that at places beside them, along a band of the slide.

    Steps are those between means of squares as large as the network's stride, within which it makes steps of its own.
    """
    inside, at, beside = range(band.start + 64, band.stop - 64), [], []
    for border in range(core, raster.size[0] - 64, core):
        if band.start - 64 < border < band.stop + 64:
            continue  # where both bands meet
        part = range(border - 64, border + 64)
        window = raster.read(*((part, inside) if is_turned else (inside, part))).astype(float)
        window = window.transpose(1, 0, 2) if is_turned else window
        squares = window.reshape(len(inside) // STRIDE, STRIDE, 128 // STRIDE, STRIDE, 3).mean((1, 3))
        jumps = np.abs(np.diff(squares, axis=1)).mean((0, 2))
        at.append(jumps[64 // STRIDE - 1])
        beside.append(np.delete(jumps, 64 // STRIDE - 1).mean())
    assert len(at) > 5
    return np.mean(at) / np.mean(beside)


@pytest.fixture(scope="session")
def instance_run(tmp_path_factory):
    """A run whose norms use the statistics of the picture."""
    folder = tmp_path_factory.mktemp("instance")
    small = {"generator.depth": "2", "generator.width": "2", "discriminator.width": "2", "metrics": "[]"}
    small |= {"train.steps": "2", "inference.dropout": "false", "generator.norm": "instance"}
    trainer.fit(job(folder / "run", small, dataset=pairs(folder / "data")))
    return folder / "run"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["run", "instance_run"])
def test_a_slide_of_20_000_pixels_takes_less_than_2_gb_and_shows_no_seam(model, request, tmp_path):
    run = request.getfixturevalue(model)
    band = write_cross(tmp_path / "slide.ome.tif", SIDE)
    peak = peak_of_command("translate", run, tmp_path / "slide.ome.tif", "-o", tmp_path / "out.ome.tif") / 2**30
    assert peak < 2e9 / 2**30
    core = imtrans.load(run).footprint.windows((SIDE, SIDE), TileLimits()).core[0]
    assert core < SIDE / 8
    raster = TiffSlide(tmp_path / "out.ome.tif")
    assert raster.sizes[-1] == (313, 313)
    seams = [seam(raster, band, core, is_turned=turned) for turned in (False, True)]
    print(f"{model}: {peak:.2f} GiB, seams {seams[0]:.3f} and {seams[1]:.3f} at every {core} pixels")
    assert max(seams) <= 1.1
    raster.close()
