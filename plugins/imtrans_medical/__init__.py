"""Medical volumes: NIfTI, read slice by slice and written on the same grid (extra `medical`)."""

from collections.abc import Iterable

from imtrans import Component, FormatInfo, hookimpl


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
