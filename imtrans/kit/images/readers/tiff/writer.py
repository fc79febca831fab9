"""TIFF files written."""

import io

from imtrans.kit.images.array import Array


def encode(picture: Array) -> bytes:
    """The bytes of a TIFF that holds (H, W, C) uint8, uint16 or float32 exactly; a fourth channel is not alpha.

    (D, H, W, C) becomes D pages.
    """
    import tifffile

    channels, stream = picture.shape[-1], io.BytesIO()
    colours = 3 if channels == 3 else 1
    tifffile.imwrite(
        stream,
        picture if channels > 1 else picture[..., 0],
        photometric="rgb" if colours == 3 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unspecified"] * (channels - colours) or None,
        compression="zlib",
        metadata=None,
        software=False,
    )
    return stream.getvalue()
