"""DICOM: slices or series, written as a series of their own by pydicom."""

import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import ImageSpec, Raster
from imtrans.kit.images import Array
from imtrans_medical.dicom_series import DicomVolume, is_dicom, quiet, reason
from imtrans_medical.raw import RawVoxels
from imtrans_medical.volume import VolumeRaster, VolumeWriter, channels_of, stored_type

STEPS = 1000  # a range of whole numbers of so many steps is stored in these, as programs expect CT in whole units
# What a header says of the source's values, of how they are shown, or of its file.
DROPPED = (
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "SmallestImagePixelValue", "LargestImagePixelValue"),
    *("SmallestPixelValueInSeries", "LargestPixelValueInSeries", "WindowCenterWidthExplanation", "VOILUTFunction"),
    *("VOILUTSequence", "ModalityLUTSequence", "PresentationLUTShape", "PixelAspectRatio", "IconImageSequence"),
    *("MACParametersSequence", "DigitalSignaturesSequence", "RescaleType", "PixelData"),
)


class Dicom:
    """The format: .dcm files, and folders that hold one series."""

    def __init__(self) -> None:
        # Files of a series that are translated one by one by this command are a series again.
        self._salt = uuid.uuid4().hex

    def recognises(self, path: Path) -> bool:
        """Whether a file begins as DICOM does, or a folder is one series."""
        return is_dicom(path)

    def open(self, path: Path, spec: ImageSpec) -> VolumeRaster:
        """A series whose slices fill the model's channels. DataError for broken files and colours."""
        return VolumeRaster.opened(DicomVolume(path), spec)

    def suffix(self, path: Path) -> str:
        """Of a file the same, of a folder none."""
        return "" if path.is_dir() else ".dcm"

    def create(self, path: Path, like: Raster, spec: ImageSpec) -> VolumeWriter:
        """A file, or a folder of files of the source's names. ConfigError for another suffix, or colours."""
        assert isinstance(like, VolumeRaster)
        assert isinstance(like.volume, DicomVolume)
        if channels_of(spec) != 1:
            what = f"-o {path.name}: a model of {channels_of(spec)} channels is not written as DICOM"
            raise ConfigError(what, hint="Convert the source to NIfTI, as dcm2niix does.")
        is_folder = Path(like.volume.name).is_dir()
        if not is_folder and path.suffix.lower() != ".dcm":
            raise ConfigError(f"-o {path.name}: DICOM is written as .dcm", hint="Give -o a folder, or FILE.dcm.")
        return VolumeWriter(DicomStore(path, like.volume, spec, self._salt), like, fill=spec.low)


class DicomStore:
    """Slices of the source's places, with new values, in a new series. Written when all are there."""

    def __init__(self, path: Path, like: DicomVolume, spec: ImageSpec, salt: str) -> None:
        self._path, self._like, self._spec, self._salt = path, like, spec, salt
        self.dtype = stored_type(spec)
        self._step, self._low = _step(spec) if self.dtype.kind == "f" else ("1", "0")
        self._whole = np.dtype(np.uint16 if self.dtype.kind == "f" else self.dtype)
        self._folder = tempfile.TemporaryDirectory(prefix="imtrans-")
        voxels = Path(self._folder.name) / "voxels"
        voxels.touch()
        self._voxels = RawVoxels(voxels, (*like.shape, 1), self._whole, offset=0)

    def put(self, axis: int, position: int, component: int, values: Array) -> None:
        """Write a plane, in whole steps of the range."""
        whole = np.rint((values.astype(np.float64) - float(self._low)) / float(self._step))
        limits = np.iinfo(self._whole)
        self._voxels.put(axis, position, component, whole.clip(limits.min, limits.max).astype(self._whole))

    def close(self) -> None:
        """Write the files."""
        is_folder = Path(self._like.name).is_dir()
        if is_folder:
            self._path.mkdir()
        with self._folder:
            for number, source in enumerate(self._like.files):
                name = source.name if source.suffix.lower() == ".dcm" else f"{source.name}.dcm"
                try:
                    with quiet():
                        self._write(source, self._path / name if is_folder else self._path, number)
                except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
                    raise DataError(f"{source}: its header cannot be written again ({reason(error)})") from None

    def _write(self, source: Path, target: Path, number: int) -> None:
        import pydicom
        from pydicom.uid import ExplicitVRLittleEndian, generate_uid

        stored = self._voxels.plane(2, number, 0).T
        dataset = _decoded(pydicom.dcmread(source, stop_before_pixels=True))
        self._derive(dataset, generate_uid)
        dataset.Rows, dataset.Columns = stored.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.PixelRepresentation = 0
        dataset.BitsAllocated = dataset.BitsStored = 8 * self._whole.itemsize
        dataset.HighBit = dataset.BitsStored - 1
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = self._step, self._low, "US"
        low, high = self._spec.low, self._spec.high
        dataset.WindowCenter, dataset.WindowWidth = _number((low + high) / 2), _number(high - low)
        content = stored.astype(self._whole.newbyteorder("<")).tobytes()
        dataset.PixelData = content + b"\0" * (len(content) % 2)
        dataset["PixelData"].VR = "OW"
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(target, enforce_file_format=True, little_endian=True, implicit_vr=False)

    def _derive(self, dataset: Any, new_uid: Any) -> None:
        """Say that it is a picture made of another, and nothing else of that one's values."""
        from pydicom.dataset import Dataset

        source = Dataset()
        source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
        for name in DROPPED:
            if name in dataset:
                del dataset[name]
        dataset.SourceImageSequence = [source]
        dataset.ImageType = ["DERIVED", "SECONDARY", *(dataset.get("ImageType") or [])[2:]]
        dataset.DerivationDescription = "Translated by imtrans"
        dataset.SeriesDescription = f"{dataset.get('SeriesDescription') or ''} (imtrans)".strip()[:64]
        dataset.SOPInstanceUID = new_uid()
        dataset.SeriesInstanceUID = new_uid(entropy_srcs=[str(dataset.get("SeriesInstanceUID")), self._salt])


def _decoded(header: Any) -> Any:
    """A header whose values are independent of the file's byte order; without the source's own overlays and curves."""
    from pydicom.dataset import Dataset

    header.remove_private_tags()  # which also decodes what is nested
    copy = Dataset()
    for element in header:
        if element.tag.group & 0xFF00 not in (0x5000, 0x6000):
            copy.add(element)
    copy.file_meta = header.file_meta
    return copy


def _step(spec: ImageSpec) -> tuple[str, str]:
    """What one stored step is, and what 0 is, as DICOM writes numbers."""
    span = spec.high - spec.low
    is_whole = float(spec.low).is_integer() and float(spec.high).is_integer() and STEPS <= span <= 65535
    return ("1" if is_whole else _number(span / 65535)), _number(spec.low)


def _number(value: float) -> str:
    """A number in the 16 characters that DICOM gives it."""
    return next(text for digits in range(17, 0, -1) if len(text := f"{value:.{digits}g}") <= 16)
