"""Small files of science for tests, written by the libraries themselves."""

import numpy as np

# An odd affine: no round number, a turn, y upwards.
PLACE = (0.1 + 1e-9, 0.013, 500_000.125, -0.0131, -0.3, 4_649_776.22483)


def write_scene(path, values=None, **more):
    """A GeoTIFF of (bands, H, W); without values of three bands of noise."""
    import rasterio  # of an extra
    from rasterio.transform import Affine

    if values is None:
        values = np.random.default_rng(0).integers(1, 256, (3, 96, 128), dtype=np.uint8)
        more = {"photometric": "RGB", **more}
    count, height, width = values.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": values.dtype.name}
    with rasterio.open(path, "w", **{**profile, "crs": "EPSG:32633", "transform": Affine(*PLACE), **more}) as file:
        file.write(values)
        file.descriptions = tuple(f"band {i}" for i in range(count))
        file.update_tags(ACQUIRED="2026-05-04")
    return path
