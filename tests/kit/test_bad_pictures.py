"""Table 2B of the faults: picture files as they should not be, each a real file."""

import io
import os
import resource
import socket
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from factories import job
from PIL import Image

from imtrans.engine.training import trainer
from imtrans.errors import DataError
from imtrans.kit import images
from imtrans.kit.images import decode
from imtrans.kit.images.readers import tiff

COLOUR = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)


def saved(kind, array=COLOUR, **options):
    stream = io.BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(stream, kind, **options)
    return stream.getvalue()


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_chunk(name, content, *, is_late=False):
    whole, place = saved("PNG"), -12 if is_late else 33
    return whole[:place] + chunk(name, content) + whole[place:]


def wide_and_high(size, *, mode=2, bits=8):
    """A PNG of a few bytes whose header promises `size` x `size` pixels."""
    header = struct.pack(">IIBBBBB", size, size, bits, mode, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def broken_sum():
    whole = bytearray(saved("PNG"))
    whole[whole.index(b"IDAT") + 30] ^= 0xFF
    return bytes(whole)


def deep(place):
    """A PNG of 16-bit colour, which has a way of its own, with one byte changed."""
    picture = np.random.default_rng(0).integers(0, 65_536, (32, 32, 3)).astype(np.uint16)
    whole = bytearray(cv2.imencode(".png", picture)[1].tobytes())
    whole[place] ^= 0xFF
    return bytes(whole)


def cut(kind):
    whole = saved(kind)
    return whole[: len(whole) // 2]


def values(*, dtype=np.float32, channels=1, value=np.nan):
    array = np.ones((4, 5, channels), dtype)
    array[1, 2, 0] = value
    return tiff.encode(array)


def packed_bomb():
    """A TIFF whose one strip of four channels unpacks to a thousand times what its header says."""
    whole = bytearray(tiff.encode(np.zeros((4, 4, 4), np.uint8)))
    with tifffile.TiffFile(io.BytesIO(bytes(whole))) as file:
        page = file.pages.first
        counts = page.tags["StripByteCounts"].valueoffset
        offsets = page.tags["StripOffsets"].valueoffset
    strip = zlib.compress(b"\0" * 64_000)
    whole[counts : counts + 4] = struct.pack("<I", len(strip))
    whole[offsets : offsets + 4] = struct.pack("<I", len(whole))
    return bytes(whole) + strip


def looped_tiff():
    whole = bytearray(saved("TIFF"))
    (place,) = struct.unpack_from("<I", whole, 4)
    (count,) = struct.unpack_from("<H", whole, place)
    struct.pack_into("<I", whole, place + 2 + 12 * count, place)
    return bytes(whole)


REFUSED = {
    "I01-empty.png": (lambda: b"", "the file is empty"),
    "I02-text.png": (lambda: b"hello, I am a text", "not a picture"),
    "I03-pcx.png": (lambda: saved("PCX"), "not a picture"),
    "I03-eps.png": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", "not a picture"),
    "I04-cut.jpg": (lambda: cut("JPEG"), "broken or cut off"),
    "I04-cut.webp": (lambda: cut("WEBP"), "."),
    "I04-cut.tif": (lambda: cut("TIFF"), "broken or cut off|not a picture"),
    "I04-cut5.tif": (lambda: tiff.encode(np.random.default_rng(0).random((9, 9, 5), np.float32))[:-200], "cut off"),
    "I05-sum.png": (broken_sum, "broken or cut off"),
    "I05-deep.png": (lambda: deep(500), "broken or cut off"),
    "I07-bomb.png": (lambda: wide_and_high(30_000, mode=0, bits=1), "30000 x 30000 pixels are more than|decompression"),
    "I07-bomb2.png": (lambda: wide_and_high(8_001), "8001 x 8001 pixels are more than 64,000,000"),
    "I07-bomb.tif": (packed_bomb, "unpacks to more than its header says"),
    "I08-text.png": (lambda: with_chunk(b"tEXt", b"a\0" + b"x" * (65 << 20)), "more text than a picture may"),
    "I08-packed.png": (lambda: with_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * (65 << 20), 1)), "more text than"),
    "I08-late.png": (
        lambda: with_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * (65 << 20), 1), is_late=True),
        "more text than",
    ),
    "I14-nan.tif": (values, "not finite"),
    "I14-nan3.tif": (lambda: values(channels=3), "not finite"),
    "I14-inf.tif": (lambda: values(channels=2, value=np.inf), "not finite"),
    "I14-array.npy": (lambda: b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}", "broken or cut off"),
    "I17-fits.png": (lambda: b"SIMPLE  =                    T" + b" " * 2850, "not a picture"),
    "I17-photoshop.png": (lambda: b"8BPS\0\1" + b"\0" * 40, "not a picture"),
    "I17-jpeg2000.png": (lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 40, "broken or cut off"),
    "I17-avif.png": (lambda: b"\0\0\0\x1cftypavif" + b"\0" * 40, "broken or cut off"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name_soon_and_in_little_memory(name, tmp_path):
    content, message = REFUSED[name]
    (tmp_path / name).write_bytes(content())
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(DataError, match=message) as caught:
        decode(tmp_path / name)
    assert str(tmp_path / name) in caught.value.what
    assert "\n" not in caught.value.what
    assert time.perf_counter() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024, "kilobytes"


def test_an_allowed_format_under_another_suffix_is_read(tmp_path):
    """I03: the content decides."""
    (tmp_path / "really-tiff.png").write_bytes(saved("TIFF"))
    assert np.array_equal(decode(tmp_path / "really-tiff.png"), COLOUR)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_read_and_noted(kind, tmp_path, caplog):
    """I09."""
    frames = [Image.new("RGB", (8, 8), (i % 256, i // 256, 7)) for i in range(2_000 if kind == "PNG" else 300)]
    content = saved(
        kind, frames[0], save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
    )
    (tmp_path / "x.png").write_bytes(content)
    began = time.perf_counter()
    with caplog.at_level("INFO"):
        assert decode(tmp_path / "x.png")[0, 0].tolist() == [0, 0, 7]
    assert time.perf_counter() - began < 1
    assert "frames; the first is taken" in caplog.text


def test_of_many_pages_and_of_pages_in_a_circle_the_first_is_read(tmp_path):
    """I10."""
    pages = [Image.new("RGB", (8, 8), (i, 0, 0)) for i in range(50)]
    (tmp_path / "pages.tif").write_bytes(saved("TIFF", pages[0], save_all=True, append_images=pages[1:]))
    (tmp_path / "circle.tif").write_bytes(looped_tiff())
    began = time.perf_counter()
    assert decode(tmp_path / "pages.tif")[0, 0].tolist() == [0, 0, 0]
    assert np.array_equal(decode(tmp_path / "circle.tif"), COLOUR)
    assert time.perf_counter() - began < 1


def test_each_mode_has_one_conversion(tmp_path):
    """I11; 16 bits, palettes and alpha are in tests/kit/test_images.py."""
    cases = {
        "bit.png": (Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1"), [[[0], [255]]]),
        "cmyk.jpg": (Image.new("CMYK", (1, 1), (0, 0, 0, 255)), [[[0, 0, 0]]]),
        "alpha.png": (Image.new("LA", (1, 1), (80, 51)), [[[(80 + 4 * 255) // 5]]]),
    }
    for name, (image, expected) in cases.items():
        image.save(tmp_path / name)
        assert decode(tmp_path / name).tolist() == expected


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_alike_to_source_and_target(orientation, tmp_path):
    """I12. What is written turned the other way by Pillow must come back as it was."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that undoes what viewers will do
    stored = Image.fromarray(COLOUR)
    stored = stored.transpose(Image.Transpose(back[orientation])) if orientation > 1 else stored
    exif = Image.Exif()
    exif[274] = orientation
    for name in ("source.png", "target.webp", "other.tif"):
        stored.save(tmp_path / name, exif=exif, **({"lossless": True} if name.endswith("webp") else {}))
        assert np.array_equal(decode(tmp_path / name), COLOUR), name
    channels = np.dstack([np.asarray(stored), np.asarray(stored)])
    tifffile.imwrite(
        tmp_path / "six.tif",
        channels,
        photometric="minisblack",
        planarconfig="contig",
        extratags=[(274, 3, 1, orientation)],
    )
    assert np.array_equal(decode(tmp_path / "six.tif"), np.dstack([COLOUR, COLOUR]))


def test_broken_exif_and_colour_profiles_are_passed_over(tmp_path):
    """I13."""
    (tmp_path / "x.jpg").write_bytes(saved("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffnonsense"))
    (tmp_path / "profile.png").write_bytes(with_chunk(b"iCCP", b"a\0\0nonsense"))
    assert decode(tmp_path / "x.jpg").shape == (16, 24, 3)
    assert np.array_equal(decode(tmp_path / "profile.png"), COLOUR)


def test_black_pictures_are_allowed(tmp_path):
    """I15: a warning about many of them is for the check of a whole set."""
    (tmp_path / "x.png").write_bytes(saved("PNG", np.zeros((4, 4, 3), np.uint8)))
    assert decode(tmp_path / "x.png").max() == 0


def test_pipes_sockets_and_devices_are_refused_without_being_opened(tmp_path, monkeypatch):
    """I18: to open a pipe that nobody writes to would wait for ever."""
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    os.mkfifo("pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.png")
        os.symlink("/dev/zero", "device.png")
        for name in ("pipe.png", "socket.png", "device.png"):
            for read in (decode, images.label_map):
                with pytest.raises(DataError, match="not a regular file"):
                    read(tmp_path / name)


def test_a_file_that_has_vanished_is_named(tmp_path):
    """I19."""
    with pytest.raises(DataError, match=r"gone\.png: no such file"):
        decode(tmp_path / "gone.png")


def test_translate_lists_the_bad_ones_and_does_the_others(cli, tmp_path):
    """I01 to I19 through the command line, with I06 and I16: pictures of 1 pixel and of prime sizes keep their size."""
    trainer.fit(job(tmp_path / "runs" / "mine", {"train.steps": "1", "metrics": "[]", "train.num_samples": "1"}))
    (tmp_path / "in").mkdir()
    bad = [n for n in REFUSED if n.startswith(("I01", "I03", "I04", "I05", "I07")) and not n.endswith(".npy")]
    for name in bad:
        (tmp_path / "in" / name).write_bytes(REFUSED[name][0]())
    os.mkfifo(tmp_path / "in" / "I18-pipe.png")
    (tmp_path / "in" / "one.png").write_bytes(saved("PNG", COLOUR[:1, :1]))
    (tmp_path / "in" / "prime.png").write_bytes(saved("PNG", COLOUR[:13, :17]))
    for kept in [n for n in bad if sum(m.split(".")[0] == n.split(".")[0] for m in bad) > 1][1:]:
        (tmp_path / "in" / kept).rename(tmp_path / "in" / f"also-{kept.replace('.', '-')}.png")
    done = cli("translate", "mine", "in", "-o", "out")
    assert done.code == 3
    assert done.out.strip() == f"2 of {len(bad) + 3} pictures translated to out"
    assert len(done.err.strip().splitlines()) == len(bad) + 1
    assert all(line.startswith("Error: in/") for line in done.err.strip().splitlines())
    assert "pipe.png: not a regular file" in done.err
    assert decode(tmp_path / "out" / "one.png").shape == (1, 1, 3)
    assert decode(tmp_path / "out" / "prime.png").shape == (13, 17, 3)
