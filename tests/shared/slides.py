"""Small slides for tests, written by the libraries themselves."""

import numpy as np
import tifffile


def stained(height, width, *, seed=0, tissue=None):
    """A white slide (H, W, 3) uint8 with a piece of coloured tissue, by default in the middle."""
    random = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 250, np.uint8)
    rows, columns = tissue or (slice(height // 4, -height // 4), slice(width // 4, -width // 4))
    part = picture[rows, columns]
    coarse = random.integers(60, 200, (-(-part.shape[0] // 8), -(-part.shape[1] // 8), 3), dtype=np.uint8)
    part[...] = np.kron(coarse, np.ones((8, 8, 1), np.uint8))[: part.shape[0], : part.shape[1]]
    return picture


def write_slide(path, values=None, *, axes="YXS", levels=2, microns=0.25, tile=128, **more):
    """An OME-TIFF of `axes`, whose further levels have every second pixel of the one before."""
    values = stained(300, 420) if values is None else values
    color = axes.endswith("S")
    options = {"tile": (tile, tile), "photometric": "rgb" if color else "minisblack", "compression": "zlib", **more}
    sizes = {f"PhysicalSize{a}{u}": v for a in "XY" for u, v in (("", microns), ("Unit", "µm"))} if microns else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(values, subifds=levels - 1, metadata={"axes": axes, **sizes}, **options)
        for _ in range(levels - 1):
            values = values[..., ::2, ::2, :] if color else values[..., ::2, ::2]
            file.write(values, subfiletype=1, **options)
    return path


def write_scan(path, values=None, *, microns=0.5, levels=2):
    """A slide as Aperio's scanners write them (.svs): JPEG tiles, a thumbnail, levels as further pages."""
    values = stained(600, 700) if values is None else values
    size = f"{values.shape[1]}x{values.shape[0]}"
    notes = f"Aperio Image Library v11.2.1\r\n{size} (256x256) JPEG Q=90|AppMag = 20|MPP = {microns}"
    options = {"tile": (256, 256), "photometric": "rgb", "compression": "jpeg", "metadata": None}
    with tifffile.TiffWriter(path) as file:
        file.write(values, description=notes, **options)
        file.write(values[::4, ::4], description=notes, photometric="rgb", compression="jpeg", metadata=None)
        for level in range(1, levels):
            file.write(values[:: 4**level, :: 4**level], description=notes, **options)
    return path
