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


def write_pairs(folder, names, shape=(48, 40, 12), *, suffix=".nii.gz", first=0):
    """Volumes in A (0 to 1000) and B, of the same places (-1000 for air, up to 1000), of these names; the bodies are
    other ones from `first` on."""
    for number, name in enumerate(names, first):
        values = phantom(*shape, seed=number)
        noise_of = np.random.default_rng(number).normal(0, 5, shape)
        write_nifti(folder / "A" / f"{name}{suffix}", np.rint(1000 * values + noise_of).astype(np.int16))
        write_nifti(folder / "B" / f"{name}{suffix}", (2000 * values - 1000).astype(np.float32))
    return folder


def write_dicom(path, stored, *, position=(0.0, 0.0, 0.0), orientation=(1, 0, 0, 0, 1, 0), number=1, **tags):
    """A slice (rows, columns) of whole numbers as one file of DICOM."""
    from pydicom.dataset import Dataset, FileMetaDataset  # of an extra
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Test^One", "p1", "CT"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored = 8 * stored.itemsize, 12 if stored.itemsize == 2 else 8
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, int(stored.dtype.kind == "i")
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = list(position), list(orientation)
    dataset.PixelSpacing, dataset.SliceThickness, dataset.InstanceNumber = [0.7, 0.9], 2.5, number
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.PixelData = stored.tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_series(folder, stored, **tags):
    """Slices (n, rows, columns), one file each; their names and numbers do not tell their order."""
    for number, values in enumerate(stored):
        name = f"im{(number * 7) % len(stored):02}.dcm"
        write_dicom(folder / name, values, position=(-10.5, 4.25, 2.5 * number), number=100 - number, **tags)
    return folder
