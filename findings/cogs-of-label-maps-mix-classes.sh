#!/usr/bin/env bash
# rasterio (GDAL) driver "COG": a label map of three classes, read at half its size with Resampling.nearest, has fifty classes.
#
# The driver makes overviews unasked, by cubic interpolation (only a map with a palette gets nearest), and a smaller read takes
# the overview that fits: `resampling` says how to go from there, not from the full pixels. At full size the file is exact, so
# a comparison after writing shows nothing. Values overshoot: between 0 and 40 there are classes that no pixel ever had.
# GTiff has no overviews unless they are built. `overview_resampling="nearest"` at writing is right.
# Seen with rasterio 1.4.4 (GDAL 3.10.3), numpy 2.4.6, Python 3.11.7, Linux:
#   COG: at full size 3 classes, overviews [2, 4], at 1/2: 53 classes, 18% of the pixels of none of the three
#   COG: at full size 3 classes, overviews [2, 4], at 1/4: 132 classes, 41% of the pixels of none of the three
#   COG with overview_resampling="nearest": at 1/2 3 classes
. "$(dirname "$0")/common.sh"
install rasterio==1.4.4 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.transform import from_origin

CLASSES = (0, 40, 200)
labels = np.random.default_rng(0).choice(CLASSES, (64, 64)).astype(np.uint8).repeat(32, 0).repeat(32, 1)
labels = np.roll(labels, (7, 5), (0, 1))  # fields of 32 pixels that do not lie on the grid of the overviews
profile = {"driver": "COG", "width": 2048, "height": 2048, "count": 1, "dtype": "uint8"}
profile |= {"crs": "EPSG:32631", "transform": from_origin(0, 2048, 1, 1)}

def written(name, **how):
    with rasterio.open(name, "w", **profile, **how) as file:
        file.write(labels, 1)
    return rasterio.open(name)

seen = []
with written("plain.tif") as file:
    full = len(np.unique(file.read(1)))
    for part in (2, 4):
        small = file.read(1, out_shape=(2048 // part, 2048 // part), resampling=Resampling.nearest)
        seen.append((len(np.unique(small)), float((~np.isin(small, CLASSES)).mean())))
        found = f"1/{part}: {seen[-1][0]} classes, {seen[-1][1]:.0%} of the pixels of none of the three"
        print(f"COG: at full size {full} classes, overviews {file.overviews(1)}, at {found}")
with written("nearest.tif", overview_resampling="nearest") as file:
    right = len(np.unique(file.read(1, out_shape=(1024, 1024), resampling=Resampling.nearest)))
print(f'COG with overview_resampling="nearest": at 1/2 {right} classes')
sys.exit(not (full == 3 and right == 3 and all(count > 30 and share > 0.1 for count, share in seen)))
PY
