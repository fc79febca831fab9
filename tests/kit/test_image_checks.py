"""What a file's header and end tell, and what only decoding does."""

import os

import numpy as np
import pytest
from PIL import Image

from imtrans.errors import DataError
from imtrans.kit.images import decode, header
from imtrans.kit.images.image_checks import file_fault


def picture(path, size=(12, 8), mode="RGB", **how):
    array = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(array).convert(mode).save(path, **how)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "format_"),
    [("a.png", "P", "PNG"), ("a.jpg", "CMYK", "JPEG"), ("a.tif", "F", "TIFF"), ("a.bmp", "L", "BMP")],
)
def test_a_header_tells_format_mode_and_size(name, mode, format_, tmp_path):
    told = header(picture(tmp_path / name, mode=mode))
    assert (told.format, told.mode, told.width, told.height) == (format_, mode, 12, 8)
    assert (told.orientation, told.has_end) == (1, True)


def test_16_bits_a_channel_are_told_from_8(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "deep.png"), np.zeros((8, 12, 3), np.uint16))
    Image.fromarray(np.zeros((8, 12), np.uint16)).save(tmp_path / "grey.png")
    assert header(tmp_path / "deep.png").mode == "RGB;16"
    assert header(tmp_path / "grey.png").mode == "I;16"


def test_the_size_is_told_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    told = header(picture(tmp_path / "a.jpg", exif=exif))
    assert (told.orientation, told.width, told.height) == (6, 8, 12)
    assert decode(tmp_path / "a.jpg").shape == (12, 8, 3)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_file_that_is_cut_off_lacks_its_end(name, tmp_path):
    path = picture(tmp_path / name)
    whole = path.read_bytes()
    path.write_bytes(whole + b"appended by a camera")
    assert header(path).has_end
    assert file_fault(path) is None
    path.write_bytes(whole[:-20])
    assert not header(path).has_end
    fault = file_fault(path)
    assert fault is not None
    assert fault.code == "broken"
    assert fault.files == (path,)


def test_a_png_whose_end_was_never_written_is_refused(tmp_path):
    """Decoders take the zeros for the end of the stream, and leave the rest black."""
    path = picture(tmp_path / "a.png", size=(64, 64), compress_level=1)
    whole = path.read_bytes()
    for place in range(100, len(whole) - 100, 400):
        path.write_bytes(whole[:place] + bytes(len(whole) - place))
        with pytest.raises(DataError, match="broken or cut off"):
            decode(path)


def test_any_flipped_bit_of_a_pngs_pixels_is_found(tmp_path):
    """I05."""
    path = picture(tmp_path / "a.png")
    whole = path.read_bytes()
    start, end = whole.index(b"IDAT"), whole.index(b"IEND") - 4
    for place in range(start, end, 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(DataError):
            decode(path)


def test_what_is_no_file_of_pixels_is_told_without_opening_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to("nowhere.png")
    (tmp_path / "empty.npy").touch()
    (tmp_path / "text.png").write_text("text")
    (tmp_path / "volume.nii").write_bytes(b"no picture by name")
    found = {p.name: file_fault(p) for p in tmp_path.iterdir()}
    assert {name: fault and fault.code for name, fault in found.items()} == {
        "pipe.png": "missing",
        "folder.png": "missing",
        "link.png": "missing",
        "empty.npy": "empty",
        "text.png": "not-a-picture",
        "volume.nii": None,
    }
    assert found["pipe.png"].what.endswith("not a regular file")
    with pytest.raises(DataError, match="not a regular file"):
        header(tmp_path / "pipe.png")
