"""The mask of a pair: where source and target are to be compared."""

from imtrans.interfaces import ImageSpec

MASK = "mask"  # the extra of a pair that holds it: 1, compared, or 0
MASK_SPEC = ImageSpec(kind="labels", channels=1, classes=2)
