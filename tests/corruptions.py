"""Sets of pairs, and the twenty ways in which a pair breaks, each with the kind of fault that it is."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

SIZE = 32
COLOURS = np.array([(0, 0, 0), (220, 20, 60), (0, 128, 255), (250, 240, 0), (60, 180, 75)], np.uint8)


def whole(folder: Path, count: int, *, seed: int = 0) -> list[str]:
    """Pairs A/NAME.png, a textured picture, and B/NAME.png, a label map of five colours; gives the names."""
    random = np.random.default_rng(seed)
    names = [f"{number:04}" for number in range(count)]
    for side in "AB":
        (folder / side).mkdir(parents=True, exist_ok=True)
    for name in names:
        photo, labels = drawn(random)
        Image.fromarray(photo).save(folder / "A" / f"{name}.png", compress_level=1)
        Image.fromarray(labels).save(folder / "B" / f"{name}.png", compress_level=1)
    return names


def drawn(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its label map."""
    ids = np.kron(random.integers(0, len(COLOURS), (4, 4)), np.ones((SIZE // 4, SIZE // 4), np.int64))
    noise = random.integers(-40, 40, (SIZE, SIZE, 3))
    photo = (COLOURS[ids].astype(int) // 2 + 60 + noise).clip(0, 255).astype(np.uint8)
    return photo, COLOURS[ids]


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def cut_jpeg(path: Path) -> None:
    Image.open(path).convert("RGB").save(path.with_suffix(".jpg"), quality=95)
    path.unlink()
    cut(path.with_suffix(".jpg"))


def flipped(path: Path, place: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 0xFF
    path.write_bytes(data)


def holed(path: Path) -> None:
    """As after a crash of the machine: the size is right, and the end was never written."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))


def bomb(path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b""))


def tiff(path: Path, values: np.ndarray) -> None:
    path.unlink()
    tifffile.imwrite(path.with_suffix(".tif"), values, photometric="minisblack", planarconfig="contig")


def twice(path: Path) -> None:
    Image.open(path).convert("RGB").save(path.with_suffix(".bmp"))


def resized(path: Path, size: tuple[int, int]) -> None:
    Image.open(path).resize(size, Image.Resampling.NEAREST).save(path)


def smoothed(path: Path) -> None:
    half = (SIZE // 2, SIZE // 2)
    Image.open(path).resize(half, Image.Resampling.BICUBIC).resize((SIZE, SIZE), Image.Resampling.BICUBIC).save(path)


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("moved-away.png")


def exchanged(one: Path, two: Path) -> None:
    between = one.with_suffix(".between")
    os.replace(one, between)
    os.replace(two, one)
    os.replace(between, two)


NAN = np.full((SIZE, SIZE, 3), np.nan, np.float32)
# Each takes the files of source and target.
WAYS: dict[str, tuple[str, Callable[[Path, Path], object]]] = {
    "nothing in it": ("empty", lambda a, b: a.write_bytes(b"")),
    "text": ("not-a-picture", lambda a, b: a.write_text("no picture")),
    "a page of errors": ("not-a-picture", lambda a, b: b.write_text("<html>404</html>")),
    "PCX in .png": ("not-a-picture", lambda a, b: Image.open(a).convert("P").save(a, "PCX")),
    "bomb": ("too-large", lambda a, b: bomb(a)),
    "PNG cut off": ("broken", lambda a, b: cut(a)),
    "target cut off": ("broken", lambda a, b: cut(b)),
    "JPEG cut off": ("broken", lambda a, b: cut_jpeg(a)),
    "flipped bits": ("broken", lambda a, b: flipped(a, 0.5)),
    "never written to the end": ("broken", lambda a, b: holed(a)),
    "not finite": ("broken", lambda a, b: tiff(a, NAN)),
    "float among 8 bits": ("values", lambda a, b: tiff(a, np.zeros_like(NAN))),
    "five channels": ("shape", lambda a, b: tiff(a, np.zeros((SIZE, SIZE, 5), np.uint8))),
    "source larger": ("shape", lambda a, b: resized(a, (SIZE + 2, SIZE))),
    "target larger": ("shape", lambda a, b: resized(b, (SIZE, SIZE + 8))),
    "no target": ("no-partner", lambda a, b: b.unlink()),
    "no source": ("no-partner", lambda a, b: a.unlink()),
    "two of one name": ("same-name", lambda a, b: twice(a)),
    "a link to nothing": ("missing", lambda a, b: dangling(a)),
    "swapped": ("swapped", exchanged),
}
OFF_PALETTE = ("colours", lambda a, b: smoothed(b))


def broken(folder: Path, names: list[str], *, each: int) -> dict[str, str]:
    """Break `each` pairs in each way, spread over the set; the names with the kind of fault."""
    step = len(names) // (len(WAYS) * each)
    told = {}
    for number, (code, breaks) in enumerate([*WAYS.values()] * each):
        name = names[number * step]
        breaks(folder / "A" / f"{name}.png", folder / "B" / f"{name}.png")
        told[name] = code
    return told
