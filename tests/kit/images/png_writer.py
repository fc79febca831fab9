"""PNG files of any bit depth and colour type, which Pillow and OpenCV do not write."""

import struct
import zlib

import numpy as np

GREY, RGB, INDEXED, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(samples: np.ndarray, *, bits: int, kind: int, palette: bytes = b"", transparent: bytes = b"") -> bytes:
    """A PNG of (H, W, C) samples as they are to be stored, with the contents of PLTE and tRNS."""
    height, width, channels = samples.shape
    if bits == 16:
        rows = samples.astype(">u2").tobytes()
        stride = 2 * width * channels
    else:
        planes = np.unpackbits(samples.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :]
        packed = np.packbits(planes.reshape(height, -1), axis=-1)
        rows, stride = packed.tobytes(), packed.shape[1]
    lines = b"".join(b"\0" + rows[i * stride : (i + 1) * stride] for i in range(height))
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))]
    parts += [chunk(b"PLTE", palette)] if palette else []
    parts += [chunk(b"tRNS", transparent)] if transparent else []
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")])
