"""Small medical volumes for tests, written by the libraries themselves."""

import numpy as np

# Turned, of three spacings, left-handed: no axis is the body's own.
OBLIQUE = np.array([[-0.8, 0.1, 0.3, 61.25], [0.12, 0.9, -0.2, -70.5], [0.05, 0.15, 3.1, 12.125], [0, 0, 0, 1]])


def noise(*shape, low=1, high=256, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def write_nifti(path, values, *, affine=OBLIQUE, codes=(0, 4), **fields):
    """A NIfTI of (x, y, z), with these codes of qform and sform."""
    import nibabel  # of an extra

    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(values, affine)
    image.header.set_qform(affine if codes[0] else None, codes[0], strip_shears=True)
    image.header.set_sform(affine, codes[1])
    image.header.set_xyzt_units("mm", "sec")
    for name, value in fields.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path
