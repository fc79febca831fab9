"""Films as they are read: colours by their tags, upright, times kept, and what is refused."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from films import EXACT, RATE, moving, seconds, write_film
from PIL import Image

from imtrans.engine.inference.video.film_reader import FilmReader
from imtrans.errors import DataError

PALETTE = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[250, 250, 250], [9, 9, 9], [200, 150, 90]]], np.uint8)
PATCHES = np.kron(PALETTE, np.ones((32, 32, 1), np.uint8))
BT709 = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}
BT601 = {"colorspace": 6, "color_primaries": 6, "color_trc": 6, "color_range": 1}


def largest_error(path):
    (frame,) = FilmReader(path).frames()
    return int(np.abs(frame.picture[16::32, 16::32].astype(int) - PALETTE).max())


@pytest.mark.parametrize(
    ("name", "pixels", "codec", "tags", "matrix"),
    [
        ("a.mp4", "yuv420p", "libx264", BT709, 1),
        ("a.mp4", "yuv420p", "libx264", BT601, 5),
        ("a.mp4", "yuvj420p", "libx264", {**BT709, "color_range": 2}, 1),
        ("a.webm", "yuv420p", "libvpx-vp9", BT709, 1),
        ("a.avi", "yuvj420p", "mjpeg", {"color_range": 2}, 5),
        ("a.mkv", "bgr0", "ffv1", {}, None),
        ("untagged.mp4", "yuv420p", "libx264", {"color_range": 1}, 5),
    ],
)
def test_colours_follow_the_tags(tmp_path, name, pixels, codec, tags, matrix):
    path = write_film(tmp_path / name, [PATCHES], pixels=pixels, codec=codec, tags=tags, matrix=matrix)
    assert largest_error(path) <= (12 if codec == "libvpx-vp9" else 4)  # its default quality
    assert any("untagged" in note for note in FilmReader(path).notes) == (name == "untagged.mp4")


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le", "gbrp10le", "gray10le"])
def test_white_black_and_grey_of_deep_films_are_those_of_8_bits(tmp_path, pixels):
    # PyAV 18.1.0 (FFmpeg 8): by default white of 4:2:0 and 4:2:2 is 253, and all else up to 2 levels too dark.
    bands = np.repeat(np.array([0, 64, 128, 200, 255], np.uint8), 16)
    picture = np.broadcast_to(bands[:, None, None], (80, 64, 3))
    matrix = None if pixels.startswith("g") else 1
    film = write_film(tmp_path / "a.mkv", [picture], codec="ffv1", pixels=pixels, tags=BT709, matrix=matrix)
    (frame,) = FilmReader(film).frames()
    assert np.abs(frame.picture.astype(int) - picture).max() <= (0 if pixels.startswith("gbr") else 1)
    assert (frame.picture[64:] == 255).all()
    assert (frame.picture[:16] == 0).all()


@pytest.mark.parametrize(("pixels", "depth"), [("yuv420p", 8), ("yuv420p10le", 10), ("yuv422p10le", 10)])
def test_colours_are_those_of_the_formula_and_no_darker(tmp_path, pixels, depth):
    # PyAV 18.1.0 (FFmpeg 8): by default 1 to 2 levels darker in the mean (findings/films-come-darker.sh).
    draws = np.random.default_rng(0)
    colors = np.stack([draws.integers(90, 160, (8, 8)), *draws.integers(100, 157, (2, 8, 8))])
    film = tmp_path / "a.mkv"
    _write_planes(film, colors << (depth - 8), pixels)
    (frame,) = FilmReader(film).frames()
    luma, blue, red = (colors - [[[16]], [[128]], [[128]]]) / [[[219]], [[224]], [[224]]]
    r, b = luma + 1.5748 * red, luma + 1.8556 * blue  # BT.709
    expected = 255 * np.stack([r, (luma - 0.2126 * r - 0.0722 * b) / 0.7152, b], axis=-1)
    error = frame.picture[16::32, 16::32] - expected
    assert np.abs(error.mean((0, 1))).max() < 0.25
    assert np.abs(error).max() <= 1.5


def _write_planes(path, colors, pixels):
    """One frame, without loss, of fields of 32 pixels with these values of luma and chroma."""
    frame = av.VideoFrame(256, 256, pixels)
    for plane, values in zip(frame.planes, colors, strict=True):
        fields = np.kron(values, np.ones((plane.height // 8, plane.width // 8), int))
        plane.update(fields.astype(np.uint8 if frame.format.components[0].bits == 8 else np.uint16).tobytes())
    frame.pts, frame.time_base = 0, Fraction(1, RATE)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 256, 256, pixels
        for name, value in BT709.items():
            setattr(stream.codec_context, name, value)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def test_an_untagged_film_of_720_lines_is_taken_as_players_take_it(tmp_path):
    large = np.kron(PALETTE, np.ones((360, 32, 1), np.uint8))
    path = write_film(tmp_path / "a.mp4", [large], tags={"color_range": 1}, matrix=1)
    (frame,) = FilmReader(path).frames()
    assert np.abs(frame.picture[180::360, 16::32].astype(int) - PALETTE).max() <= 4
    assert "BT.709" in FilmReader(path).notes[0]


@pytest.mark.parametrize(
    ("tags", "label"),
    [
        ({**BT709, "color_trc": 18}, "HDR (HLG)"),
        ({**BT709, "color_trc": 16}, "HDR (PQ)"),
        ({**BT709, "color_primaries": 12}, "Display P3"),
        ({**BT709, "colorspace": 9}, "BT.2020"),
        ({**BT709, "color_trc": 9}, "number 9 of ITU-T H.273"),
    ],
)
def test_other_colours_are_refused_by_name(tmp_path, tags, label):
    path = write_film(tmp_path / "a.mp4", [PATCHES], tags=tags)
    with pytest.raises(DataError) as refused:
        FilmReader(path)
    assert label in refused.value.what
    assert "a.mp4" in refused.value.what
    assert "BT.709" in refused.value.hint


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_films_are_upright(tmp_path, degrees, is_mirrored):
    """PyAV's `degrees` turn counter-clockwise, as `np.rot90` does; it mirrors after that."""
    path = write_film(tmp_path / "a.mp4", [PATCHES], turned=(degrees, is_mirrored), tags=BT709, matrix=1)
    wanted = np.rot90(PATCHES, degrees // 90)
    wanted = wanted[:, ::-1] if is_mirrored else wanted
    (frame,) = FilmReader(path).frames()
    assert frame.picture.shape == wanted.shape
    assert np.abs(frame.picture.astype(int) - wanted)[4::32, 4::32].max() <= 4


def test_times_of_a_variable_rate_are_kept_and_frames_counted_by_reading(tmp_path):
    times = [0, 1, 4, 5, 9, 20]
    path = write_film(tmp_path / "a.mkv", moving(6), times=times, time_base=Fraction(1, 100), **EXACT)
    reader = FilmReader(path)
    assert reader.count == 6
    assert not reader.is_even
    assert [float(frame.time * reader.time_base) for frame in reader.frames()] == pytest.approx(seconds(path))
    assert seconds(path) == pytest.approx([time / 100 for time in times])


def test_times_in_avi_are_those_of_its_packets(tmp_path):
    """Of H.264 with frames that refer to later ones PyAV gives the times 1, 3, 4, 2, 6, 5."""
    path = write_film(tmp_path / "a.avi", moving(6), options={"bf": "2", "crf": "4"})
    reader = FilmReader(path)
    frames = list(reader.frames())
    assert [frame.time for frame in frames] == list(range(6))
    assert reader.is_even
    assert reader.time_base == Fraction(1, RATE)
    for frame, wanted in zip(frames, moving(6), strict=True):
        assert np.abs(frame.picture.astype(int) - wanted).mean() < 6


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


@pytest.mark.parametrize(("name", "container"), [("a.mp4", {"movflags": "faststart"}), ("a.mkv", {}), ("a.webm", {})])
def test_a_film_that_is_cut_off_says_at_which_frame(tmp_path, name, container):
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    whole = FilmReader(write_film(tmp_path / name, moving(40), codec=codec, container=container))
    whole.check_whole()
    reader = FilmReader(cut(tmp_path / name, 0.6))
    with pytest.raises(DataError, match=rf"{name}: broken at frame {reader.count}: ") as refused:
        reader.check_whole()
    assert 0 < reader.count < 40
    assert f"--frames {reader.count} " in refused.value.hint
    reader.check_whole(reader.count)
    frames = reader.frames()
    assert [next(frames).picture.shape for _ in range(reader.count)] == [(64, 64, 3)] * reader.count


def test_a_frame_that_is_damaged_is_named(tmp_path):
    path = write_film(tmp_path / "a.mp4", moving(40))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = np.random.default_rng(0).bytes(400)
    path.write_bytes(content)
    frames = []
    with pytest.raises(DataError, match=r"a\.mp4: broken at frame \d+: ") as refused:
        frames.extend(FilmReader(path).frames())
    assert 0 < len(frames) < 40
    assert f"at frame {len(frames)}:" in refused.value.what


def test_what_is_no_film_is_said(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no film " * 50)
    Image.fromarray(PATCHES).save(tmp_path / "picture.png")
    (tmp_path / "picture.png").rename(tmp_path / "picture.mp4")
    cut(write_film(tmp_path / "cut.mp4", moving(4)), 0.6)  # its index is at the end
    for name, words in {
        "empty": "the file is empty",
        "text": "not a film, or its end is missing",
        "cut": "not a film, or its end is missing",
        "picture": r"a still picture \(PNG\)",
        "missing": "No such file",
    }.items():
        with pytest.raises(DataError, match=rf"{name}\.mp4: {words}"):
            FilmReader(tmp_path / f"{name}.mp4")


def write_sound(path, *, has_video=False, cover=b""):
    """Sound alone, or beside a stream of video that has no frame."""
    with av.open(str(path), "w") as output:
        tone = output.add_stream("aac", rate=48000)
        if has_video:
            video = output.add_stream("libx264", rate=24)
            video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        if cover:
            output.add_attachment("cover.png", "image/png", cover)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        output.mux(tone.encode(frame))
        output.mux(tone.encode(None))


def test_a_film_without_video_or_frames_is_said(tmp_path):
    write_sound(tmp_path / "sound.mp4")
    with pytest.raises(DataError, match=r"sound\.mp4: holds no video, but audio"):
        FilmReader(tmp_path / "sound.mp4")
    write_sound(tmp_path / "none.mkv", has_video=True)
    with pytest.raises(DataError, match=r"none\.mkv: holds no frames"):
        FilmReader(tmp_path / "none.mkv")


def test_the_cover_of_a_song_is_no_video(tmp_path):
    cover = io.BytesIO()
    Image.fromarray(PATCHES).save(cover, "PNG")
    write_sound(tmp_path / "song.mkv", cover=cover.getvalue())
    with pytest.raises(DataError, match="holds no video"):
        FilmReader(tmp_path / "song.mkv")
