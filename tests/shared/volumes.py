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


def phantom(*shape, seed=0):
    """A body in air: two ellipsoids, float32 from 0 (air) to 1; (x, y, z)."""
    random = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    body = (((at / random.uniform(0.6, 0.8, (3, 1, 1, 1))) ** 2).sum(0) < 1).astype(np.float32)
    middle = random.uniform(-0.3, 0.3, (3, 1, 1, 1))
    organ = (((at - middle) / 0.3) ** 2).sum(0) < 1
    return np.where(organ, 1.0, 0.4 * body).astype(np.float32)


def write_pairs(folder, names, shape=(48, 40, 12), *, suffix=".nii.gz", slope=1.0):
    """Volumes in A (0 to 1000) and B, of the same places (-1000 for air, up to 1000), of these names."""
    for number, name in enumerate(names):
        values = phantom(*shape, seed=number)
        noise_of = np.random.default_rng(number).normal(0, 5, shape)
        write_nifti(folder / "A" / f"{name}{suffix}", np.rint(1000 * values + noise_of).astype(np.int16))
        write_nifti(folder / "B" / f"{name}{suffix}", (2000 * values - 1000).astype(np.float32))
    return folder
