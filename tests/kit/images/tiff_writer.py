"""TIFF files of any tags, true or not."""

import struct

import numpy as np

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, ORIENTATION, SAMPLES, ROWS, COUNTS = (
    *(256, 257, 258, 259, 262, 273),
    *(274, 277, 278, 279),
)
PLANAR, EXTRA, FORMAT, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 284, 338, 339, 322, 323, 324, 325
NODATA = 42113


def packed(samples: np.ndarray, bits: int) -> bytes:
    """(H, W, C) whole numbers, each of so many bits, rows filled to whole bytes."""
    planes = (samples[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(planes.reshape(len(samples), -1).astype(np.uint8), axis=-1).tobytes()


def tiff(
    chunks: list[bytes | None], tags: dict[int, int | list[int] | bytes], *, byteorder: str = "<", is_big: bool = False
) -> bytes:
    """A TIFF of one page: chunks follow the header, a chunk of None was never written; tags are LONG or ASCII."""
    word, size, entry = ("Q", 8, 20) if is_big else ("I", 4, 12)
    place, body, offsets = 16 if is_big else 8, b"", []
    for chunk in chunks:
        offsets.append(place + len(body) if chunk is not None else 0)
        body += chunk or b""
    is_tiled = TILE_WIDTH in tags
    all_tags = {
        TILE_OFFSETS if is_tiled else OFFSETS: offsets,
        TILE_COUNTS if is_tiled else COUNTS: [len(c or b"") for c in chunks],
        **tags,
    }
    directory = place + len(body)
    count, end = len(all_tags), directory + (8 if is_big else 2) + entry * len(all_tags) + size
    entries, values = b"", b""
    for tag, value in sorted(all_tags.items()):
        kind = 2 if isinstance(value, bytes) else 4
        numbers = value if isinstance(value, list) else [value]
        data = value + b"\0" if isinstance(value, bytes) else struct.pack(f"{byteorder}{len(numbers)}I", *numbers)
        length = len(data) if kind == 2 else len(numbers)
        inline = data.ljust(size, b"\0") if len(data) <= size else struct.pack(byteorder + word, end + len(values))
        values += b"" if len(data) <= size else data
        entries += struct.pack(f"{byteorder}HH{word}", tag, kind, length) + inline
    start = b"II" if byteorder == "<" else b"MM"
    head = start + struct.pack(byteorder + ("HHHQ" if is_big else "HI"), *((43, 8, 0) if is_big else (42,)), directory)
    counted = struct.pack(byteorder + ("Q" if is_big else "H"), count)
    return head + body + counted + entries + bytes(size) + values
