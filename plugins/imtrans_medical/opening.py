"""Files and folders of volumes, by their names."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from imtrans.net.cache_dir import cache_dir
from imtrans_medical.dicom_series import DicomVolume, is_dicom
from imtrans_medical.metaimage import MetaVolume
from imtrans_medical.nifti import NiftiVolume
from imtrans_medical.volume import Volume

SUFFIXES = (".nii", ".nii.gz", ".dcm", ".mha", ".mhd", ".nrrd", ".nhdr")


def volumes_in(folder: Path) -> dict[str, Path]:
    """The volumes in a folder by their names, which are those of the files without their suffixes."""
    return dict(_named(folder))


def _named(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        lower = path.name.lower()
        if suffix := next((s for s in SUFFIXES if lower.endswith(s)), ""):
            yield path.name[: -len(suffix)], path
        elif path.is_dir() and is_dicom(path):
            yield path.name, path


def open_volume(path: Path) -> Volume:
    """A volume, of which slices will be read at random: what is compressed is unpacked once into the cache folder."""
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return NiftiVolume(path, unpacked=unpacked(path))
    is_dicom_path = path.is_dir() or path.suffix.lower() == ".dcm"
    return DicomVolume(path) if is_dicom_path else MetaVolume(path)


def is_packed(path: Path) -> bool:
    """Whether a file will be unpacked into the cache folder."""
    return path.name.lower().endswith(".gz")


def unpacked(path: Path) -> Path:
    """Where a file is unpacked to: another place for other content."""
    stat = path.stat()
    identity = f"{path.absolute()} {stat.st_size} {stat.st_mtime_ns}"
    return cache_dir() / "volumes" / f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.nii"
