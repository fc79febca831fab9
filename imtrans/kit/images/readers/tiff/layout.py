"""How the pixels of a TIFF lie in its first page, from its tags alone; what is not read is refused by its name."""

import contextlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imtrans.errors import DataError
from imtrans.kit.images.array import Array
from imtrans.kit.images.readers.memory_file import PictureFile
from imtrans.kit.images.readers.orientation import ORIENTATION
from imtrans.kit.images.readers.samples import mode_name

if TYPE_CHECKING:
    import tifffile

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WHITE_IS_ZERO, GREY, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6  # of PhotometricInterpretation
COLOURS = {RGB: 3, CMYK: 4, YCBCR: 3}
JPEG = 7  # of Compression
ASSOCIATED, UNASSOCIATED = 1, 2  # alpha, of ExtraSamples
PHOTOMETRIC, COLOR_MAP, INK_SET = 262, 320, 332  # tags
MAX_CHANNELS, MAX_PAGES = 1024, 10_000


@dataclass(frozen=True, kw_only=True)
class TiffLayout:
    """The first page as stored: its size, type and bits, and which samples of a pixel are `channels` and which alpha.

    `orientation` is that of EXIF, `pages` the number of pages in the file.
    """

    width: int
    height: int
    stored: np.dtype[np.generic]
    stored_bits: int
    photometric: int
    channels: tuple[int, ...]
    alpha: int | None
    is_premultiplied: bool
    orientation: int
    pages: int

    @property
    def is_indexed(self) -> bool:
        """Whether the pixels are indices of a palette."""
        return self.photometric == PALETTE

    @property
    def is_float(self) -> bool:
        """Whether the values are not whole numbers."""
        return self.stored.kind == "f"

    @property
    def bits(self) -> int:
        """Significant bits of a value as it is read: whole numbers of more than 16 must fit into 16, floats have 32."""
        return 32 if self.is_float else min(self.stored_bits, 16)

    @property
    def white(self) -> int | float:
        """The greatest value that can be stored; 1.0 for floats."""
        return 1.0 if self.is_float else (1 << self.stored_bits - (self.stored.kind == "i")) - 1

    @property
    def high(self) -> int | float:
        """The value that is white in the picture that is read."""
        return 1.0 if self.is_float else 255 if self.dtype == "uint8" else (1 << self.bits) - 1

    @property
    def dtype(self) -> str:
        """The type of the picture that is read."""
        return "float32" if self.is_float else "uint8" if self.bits <= 8 or self.is_indexed else "uint16"

    @property
    def count(self) -> int:
        """The number of channels of the picture that is read."""
        return 3 if self.photometric in (PALETTE, CMYK) else len(self.channels)

    @property
    def mode(self) -> str:
        """The mode as Pillow would name it; RGB of 16 bits is "RGB;16", and what Pillow has no name for is in words."""
        if self.photometric in (PALETTE, CMYK):
            return "P" if self.is_indexed else "CMYK"
        if self.alpha is None or self.count not in (1, 3):
            return mode_name(self.count, bits=self.bits, is_float=self.is_float)
        return ("LA" if self.count == 1 else "RGBA") + (f";{self.bits}" if self.bits > 8 else "")


def tiff_layout(path: PictureFile, file: "tifffile.TiffFile", page: "tifffile.TiffPage") -> TiffLayout:
    """The layout of a page of an open TIFF. DataError, naming the file, for kinds that are not read."""
    sizes = (page.imagewidth, page.imagelength, page.samplesperpixel, *page.chunks[:2])
    if not all(isinstance(size, int) for size in sizes):
        raise ValueError("broken or cut off (a size is no number)")
    if 0 in page.shaped or page.samplesperpixel > MAX_CHANNELS or page.imagedepth > 1:
        raise DataError(f"{path}: a TIFF of {'x'.join(map(str, page.shaped))} values is not read")
    if page.dtype is None or page.dtype.kind not in "buif" or isinstance(page.bitspersample, tuple):
        bits, format_ = page.bitspersample, getattr(page.sampleformat, "name", page.sampleformat)
        raise DataError(f"{path}: TIFF samples of {bits} bits, format {format_}, are not read")
    if page.bitspersample == 1 and page.samplesperpixel > 1 and page.planarconfig == 1:
        # tifffile pads each channel of them to whole bytes, which no reader (itself neither) undoes.
        raise DataError(f"{path}: TIFF of 1 bit and {page.samplesperpixel} channels is not read")
    photometric = int(page.photometric) if PHOTOMETRIC in page.tags else GREY
    _check_colours(path, page, photometric)
    count, extras = int(page.samplesperpixel), [int(e) for e in page.extrasamples]
    colours = count - len(extras)
    kinds = [0] * colours + extras
    channels = tuple(i for i, kind in enumerate(kinds) if kind not in (ASSOCIATED, UNASSOCIATED))
    alpha = next((i for i, kind in enumerate(kinds) if kind in (ASSOCIATED, UNASSOCIATED)), None)
    orientation = page.tags.valueof(ORIENTATION, 1)
    return TiffLayout(
        width=page.imagewidth,
        height=page.imagelength,
        stored=page.dtype,
        stored_bits=page.bitspersample,
        photometric=photometric,
        channels=channels[:4] if photometric == CMYK else channels,
        alpha=alpha,
        is_premultiplied=alpha is not None and kinds[alpha] == ASSOCIATED,
        orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        pages=_pages(file),
    )


def _check_colours(path: PictureFile, page: "tifffile.TiffPage", photometric: int) -> None:
    name = getattr(page.photometric, "name", photometric)
    colours = int(page.samplesperpixel) - len(page.extrasamples)
    is_jpeg, is_whole = page.compression == JPEG, page.dtype is not None and page.dtype.kind in "bu"
    if photometric not in (WHITE_IS_ZERO, GREY, RGB, PALETTE, CMYK, YCBCR) or (photometric == YCBCR and not is_jpeg):
        raise DataError(
            f"{path}: TIFF colours of the kind {name}{' without JPEG' if photometric == YCBCR else ''} are not read",
            hint="Convert it to grey or RGB.",
        )
    is_wrong = colours < COLOURS.get(photometric, 1) or (photometric == PALETTE and int(page.samplesperpixel) != 1)
    if is_wrong or (photometric == PALETTE and (COLOR_MAP not in page.tags or not is_whole)):
        raise DataError(f"{path}: broken or cut off ({name} of {colours} samples)")
    if photometric == CMYK and (page.tags.valueof(INK_SET, 1) != 1 or not is_whole):
        raise DataError(f"{path}: inks other than CMYK are not read", hint="Convert it to RGB.")


def _pages(file: "tifffile.TiffFile") -> int:
    """The number of pages, at most 10,000; those before the fault where the list of pages is broken."""
    places: set[int] = set()
    place, handle, kind = file.pages.first.offset, file.filehandle, file.tiff
    with contextlib.suppress(OSError, ValueError, struct.error):
        while place and place not in places and len(places) < MAX_PAGES:
            places.add(place)
            handle.seek(place)
            (tags,) = struct.unpack(kind.tagnoformat, handle.read(kind.tagnosize))
            handle.seek(place + kind.tagnosize + tags * kind.tagsize)
            (place,) = struct.unpack(kind.offsetformat, handle.read(kind.offsetsize))
    return len(places)


def palette(page: "tifffile.TiffPage") -> Array:
    """The palette of a page as (N, 3) uint8. Some programs write 8-bit colours where the format wants 16 bits."""
    colours = np.asarray(page.tags[COLOR_MAP].value, np.uint16).reshape(3, -1).T
    return (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)
