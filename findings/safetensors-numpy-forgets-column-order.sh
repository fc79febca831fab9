#!/usr/bin/env bash
# safetensors.numpy: an array in column order (Fortran, as nibabel gives volumes and as `.T` of a weight is) is saved as the
# numbers lie in memory, under the shape of rows: it comes back with the right shape, dtype and numbers, at other places.
#
# The docstring asks for arrays that are "contiguous and dense", which numpy says of these too (F_CONTIGUOUS). safetensors.torch
# refuses the same tensor by a ValueError, and the byte order of an array (">f4") is looked at and put right. A mean, a
# histogram and a checksum of the sorted numbers do not show it. `np.ascontiguousarray` before saving is right.
# Seen with safetensors 0.8.0, nibabel 5.4.2, numpy 2.4.6, Python 3.11.7, Linux:
#   [[0, 1, 2], [3, 4, 5]] comes back as [[0, 3, 1], [4, 2, 5]]
#   a volume of nibabel: equal shape True, equal mean True, 100% of the voxels differ
#   the same by ascontiguousarray: 0% of the voxels differ
. "$(dirname "$0")/common.sh"
install safetensors==0.8.0 nibabel==5.4.2 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
import nibabel
import numpy as np
from safetensors.numpy import load, save

def again(array):
    return load(save({"x": array}))["x"]

rows = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
small = again(rows).astype(int).tolist()
print(f"{rows.astype(int).tolist()} comes back as {small}")
made = np.random.default_rng(0).random((12, 10, 8)).astype(np.float32)
nibabel.save(nibabel.Nifti1Image(made, np.eye(4)), "volume.nii")
volume = nibabel.load("volume.nii").get_fdata(dtype=np.float32)
back = again(volume)
differ = float((back != volume).mean())
is_shape_equal, is_mean_equal = back.shape == volume.shape, bool(np.isclose(back.mean(), volume.mean()))
alike = f"equal shape {is_shape_equal}, equal mean {is_mean_equal}"
print(f"a volume of nibabel: {alike}, {differ:.0%} of the voxels differ")
right = float((again(np.ascontiguousarray(volume)) != volume).mean())
print(f"the same by ascontiguousarray: {right:.0%} of the voxels differ")
sys.exit(not (small == [[0, 3, 1], [4, 2, 5]] and is_mean_equal and differ > 0.9 and right == 0))
PY
