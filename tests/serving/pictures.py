"""Bodies of requests: pictures, and what only looks like one."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def png(width: int = 32, height: int = 32, *, seed: int = 0) -> bytes:
    """A picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "png")
    return content.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that claims, and unpacks to, a great many."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(10_000_000)))
        + chunk(b"IEND", b"")
    )


def text_bomb() -> bytes:
    """A small PNG with a text that unpacks to 100 MB."""
    packed = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9))
    whole = png()
    return whole[:33] + packed + whole[33:]


NO_PICTURES = {
    "a page": b"<html><script>alert(1)</script></html>",
    "an svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "a script of PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file",
    "a zip": b"PK\x03\x04" + bytes(100),
    "a pickle": b"\x80\x04cos\nsystem\n(S'id'\ntR.",
    "noise": bytes(range(256)) * 8,
    "half a picture": png()[:400],
    "a picture of no pixels": bomb(0, 0),
    "a bomb of pixels": bomb(60_000, 60_000),
    "a bomb of pixels below the limit of the decoder": bomb(7_000, 7_000),
    "a bomb of text": text_bomb(),
}
