"""Medical volumes: NIfTI, DICOM, MHA and NRRD, read slice by slice and written on the same grid (extra `medical`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, DatasetInfo, FormatInfo, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class VolumesOptions:
    """Where the volumes are, and which slices are drawn."""

    path: str = option("", "folder with train/A, train/B, val/A, val/B, or with A and B", is_path=True)
    slices: int = option(64, "slices of each volume in an epoch", low=1)
    plane: Literal["auto", "axial", "coronal", "sagittal"] = option(
        "auto", "of the slices; auto: that of the first file's"
    )
    neighbours: int = option(0, "slices on either side of A's that the network sees as further channels", low=0)
    depth: int = option(0, "slices of a block, for networks of three axes; 0: single slices", low=0)
    patient: str = option("", 'pattern of the part of a name that says whose volume it is; "": up to the first _')
    least: float = option(0.05, "share of a window that must be more than background", low=0, high=1)
    background: float = option(0.05, "share of the source's range up to which a pixel is background", low=0, high=1)
    source_range: tuple[float, ...] = option((), "low and high: values of the source that become -1 and 1; clipped")
    target_range: tuple[float, ...] = option((), "the same of the target")


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Declare what this plugin offers."""
    yield Component(
        kind="format",
        name="nifti",
        target="imtrans_medical.nifti:Nifti",
        summary="NIfTI by nibabel: affine, spacing and their codes stay (extra medical)",
        info=FormatInfo(suffixes=(".nii", ".nii.gz")),
    )
    yield Component(
        kind="format",
        name="dicom",
        target="imtrans_medical.dicom:Dicom",
        summary="DICOM by pydicom: slices and series, rescaled and turned once (extra medical)",
        info=FormatInfo(suffixes=(".dcm",), has_folders=True),
    )
    yield Component(
        kind="format",
        name="metaimage",
        target="imtrans_medical.metaimage:MetaImage",
        summary="MHA, MHD and NRRD by SimpleITK, written as MHA: spacing, origin and directions stay (extra medical)",
        info=FormatInfo(suffixes=(".mha", ".mhd", ".nrrd", ".nhdr")),
    )
    yield Component(
        kind="dataset",
        name="volumes",
        target="imtrans_medical.volumes:volumes",
        summary="pairs of medical volumes on one grid, of which slices are drawn (extra medical)",
        options=VolumesOptions,
        info=DatasetInfo(advice={"data.size": (256,)}),
        needs_context=True,
    )
