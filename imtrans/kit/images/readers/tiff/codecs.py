"""The compressions of TIFF that are read, and the size that a compressed strip or tile claims for itself."""

import importlib.util
import struct
from typing import TYPE_CHECKING

from imtrans.errors import DataError
from imtrans.kit.images.readers.memory_file import PictureFile

if TYPE_CHECKING:
    import tifffile

NONE, JPEG, LERC, WEBP = 1, 7, 34887, 50001
# CCITT, LZW, deflate (two numbers), PackBits, LZMA, zstd: what comes out is bounded by the size of the chunk, which
# tifffile gives to the decoder. JPEG, LERC and WebP carry a size of their own.
BOUNDED = (2, 3, 4, 5, 8, 32946, 32773, 34925, 50000)
WHOLE_BYTES = (8, 16, 32, 64)  # bits of a sample
MAX_MARKERS = 1000  # segments of a JPEG before its size


def check_compression(path: PictureFile, page: "tifffile.TiffPage") -> None:
    """DataError, naming it, for a compression that is not read, or that needs a package that is not installed."""
    compression = int(page.compression)
    name = getattr(page.compression, "name", compression)
    if compression not in (NONE, JPEG, LERC, WEBP, *BOUNDED):
        raise DataError(
            f"{path}: TIFF compressed with {name} is not read", hint="Save it without compression, or with deflate."
        )
    if page.predictor != 1 and (compression == LERC or page.bitspersample not in WHOLE_BYTES):
        kind = f"{name} and {page.bitspersample} bits with predictor {int(page.predictor)}"
        raise DataError(f"{path}: TIFF of {kind} is not read", hint="Save it without predictor.")
    is_plain = compression == NONE and page.predictor == 1 and page.fillorder == 1
    if not (is_plain and page.bitspersample in WHOLE_BYTES) and importlib.util.find_spec("imagecodecs") is None:
        kind = f"compressed with {name}" if compression != NONE else f"of {page.bitspersample} bits"
        raise DataError(f"{path}: TIFF {kind} needs imagecodecs", hint="pip install imagecodecs")


def check_claim(page: "tifffile.TiffPage", data: bytes) -> None:
    """Refuse a chunk that claims to be larger than the TIFF says: decoders allocate what the chunk claims."""
    measure = {JPEG: _jpeg_size, WEBP: _webp_size, LERC: _lerc_size}.get(int(page.compression))
    if measure is None:
        return
    try:
        height, width, samples = measure(data)
    except (struct.error, IndexError):
        raise ValueError("broken or cut off (a strip without a header)") from None
    rows, columns = page.chunks[:2]
    if height > rows or width > columns or samples > page.samplesperpixel:
        raise ValueError("unpacks to more than its header says")


def _jpeg_size(data: bytes) -> tuple[int, int, int]:
    place = 2
    for _ in range(MAX_MARKERS):
        (marker,) = struct.unpack_from(">H", data, place)
        if 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):  # these are tables
            height, width, samples = struct.unpack_from(">HHB", data, place + 5)
            return height, width, samples
        if marker == 0xFFFF:  # fill byte
            place += 1
        else:
            place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    raise ValueError("broken or cut off (a JPEG without a size)")


def _webp_size(data: bytes) -> tuple[int, int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[27:30], "little"), 1 + int.from_bytes(data[24:27], "little"), 3
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF), 3
    width, height = struct.unpack_from("<HH", data, 26)
    return height & 0x3FFF, width & 0x3FFF, 3


def _lerc_size(data: bytes) -> tuple[int, int, int]:
    if not data.startswith(b"Lerc2 "):
        raise ValueError("LERC of the first version, or compressed once more, is not read")
    (version,) = struct.unpack_from("<i", data, 6)
    height, width, depth = struct.unpack_from("<iii", data, 14 if version >= 3 else 10)
    sizes = (14 if version >= 3 else 10) + (12 if version >= 4 else 8)
    (blob,) = struct.unpack_from("<i", data, sizes + 8)
    if min(height, width, blob) <= 0 or data[blob:].startswith(b"Lerc2"):
        raise ValueError("broken or cut off (LERC of several blobs)")
    return height, width, depth if version >= 4 else 1
