"""A header tells how a picture will be decoded."""

import cv2
import numpy as np
import pytest
from kit.images import png_writer
from PIL import Image

from imtrans.kit.images import decode, header

GREY = np.arange(96, dtype=np.uint8).reshape(8, 12) % 2 * 255
COLOUR = np.dstack([GREY] * 3)


def saved(path, image, **how):
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **how)
    return path


def agrees(path):
    """The header, compared with what `decode` gives."""
    read, picture = header(path), decode(path)
    assert (read.height, read.width, read.channels) == picture.shape
    assert read.dtype == picture.dtype.name
    return read


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", [png_writer.GREY, png_writer.INDEXED])
def test_few_bits_are_counted(tmp_path, kind, bits):
    palette = bytes(range(6)) if kind == png_writer.INDEXED else b""
    (tmp_path / "x.png").write_bytes(png_writer.png(GREY[..., None] // 255, bits=bits, kind=kind, palette=palette))
    read = agrees(tmp_path / "x.png")
    assert (read.bits, read.is_indexed, read.high) == (bits, kind == png_writer.INDEXED, 255)


def test_depth_alpha_and_frames_are_told(tmp_path):
    cv2.imwrite(str(tmp_path / "deep.png"), COLOUR.astype(np.uint16) * 257)
    deep = agrees(tmp_path / "deep.png")
    assert (deep.channels, deep.bits, deep.high, deep.has_alpha) == (3, 16, 65535, False)
    real = agrees(saved(tmp_path / "x.tif", GREY.astype(np.float32)))
    assert (real.dtype, real.bits, real.high) == ("float32", 32, 1.0)
    assert agrees(saved(tmp_path / "alpha.webp", Image.fromarray(COLOUR).convert("RGBA"))).has_alpha is False
    transparent = Image.fromarray(np.dstack([COLOUR, GREY]))
    for name in ("a.png", "a.webp", "a.tif"):
        assert agrees(saved(tmp_path / name, transparent)).has_alpha
    assert agrees(saved(tmp_path / "key.png", COLOUR, transparency=(0, 0, 0))).has_alpha
    assert (
        agrees(saved(tmp_path / "pages.tif", COLOUR, save_all=True, append_images=[Image.fromarray(GREY)])).pages == 2
    )
