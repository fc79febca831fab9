"""Films translated to films: their frames, times, sound, size and colours; and interrupted ones that go on."""

import itertools
import os
from fractions import Fraction

import av
import numpy as np
import pytest
from factories import job
from films import EXACT, RATE, decoded, moving, seconds, sound_packets, substitute_camera, write_film
from PIL import Image

from imtrans.engine.inference.large.footprint import TileLimits
from imtrans.engine.inference.source_reader import ReadOptions
from imtrans.engine.inference.translator import Translator
from imtrans.engine.inference.video import film_join, film_parts
from imtrans.engine.inference.video.camera import Camera
from imtrans.engine.inference.video.film_reader import FilmReader
from imtrans.engine.inference.video.film_translation import FilmWork
from imtrans.errors import ConfigError, DataError, ResourceError
from imtrans.plugins.component import ComponentRef


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    return Translator(job(tmp_path_factory.mktemp("translate") / "run").model)


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch):
    monkeypatch.setattr("imtrans.engine.inference.video.piece_writer.LENGTH", 4)
    monkeypatch.setattr(film_parts, "LENGTH", 4)


def translate(translator, film, target, *, is_continued=False, source=None, **options):
    options = {"reading": ReadOptions(size="native"), "limits": TileLimits(), **options}
    work = FilmWork(translator=translator, **options)
    source = source or FilmReader(film)
    parts = work.parts(source, target)
    parts.open(is_continued=is_continued, is_overwriting=False)
    return work.run(source, target, parts=parts)


def mean_error(first, second):
    return float(np.abs(first.astype(float) - second).mean())


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi", ".webm"])
def test_each_frame_is_what_its_picture_gives(translator, tmp_path, suffix):
    frames = moving(6)
    film, target = write_film(tmp_path / "in.mkv", frames, **EXACT), tmp_path / f"out{suffix}"
    outcome = translate(translator, film, target)
    assert outcome.frames == 6
    results = decoded(target)
    # An untrained network gives noise, the hardest thing to encode.
    for result, wanted in zip(results, translator.translate(frames, size="native"), strict=True):
        assert mean_error(result, wanted) < 12
    assert seconds(target) == pytest.approx([n / RATE for n in range(6)], abs=0.002)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mkv", target.name]


def test_the_film_says_what_its_colours_are(translator, tmp_path):
    translate(translator, write_film(tmp_path / "in.mkv", moving(2), **EXACT), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1, 1)


def lead(path):
    """How much earlier the sound begins than the picture, in seconds."""
    with av.open(str(path)) as container:
        first = {s.type: next(p for p in container.demux(s) if p.size) for s in (*container.streams.audio,)}
    return seconds(path)[0] - float(first["audio"].pts * first["audio"].time_base)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_and_times_of_a_variable_rate_are_kept(translator, tmp_path, suffix):
    times = [0, 1, 4, 5, 9, 14]
    film = write_film(tmp_path / "in.mp4", moving(6), times=times, time_base=Fraction(1, 24), sound="aac")
    outcome = translate(translator, film, tmp_path / f"out{suffix}")
    # AAC begins before the picture, which Matroska cannot say: there all is later by as much.
    shown = seconds(tmp_path / f"out{suffix}")
    assert [t - shown[0] for t in shown] == pytest.approx([t / 24 for t in times], abs=0.0011)
    assert lead(tmp_path / f"out{suffix}") == pytest.approx(lead(film), abs=0.0011)
    assert sound_packets(tmp_path / f"out{suffix}") == sound_packets(film)
    assert not [note for note in outcome.notes if "sound" in note]


def tone(path):
    """The sound of a film as one row of values from -1 to 1, at 48 kHz."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=48000)
        return np.concatenate([f.to_ndarray()[0] for x in container.decode(audio=0) for f in resampler.resample(x)])


def test_sound_that_the_container_cannot_hold_is_encoded_anew(translator, tmp_path):
    film = write_film(tmp_path / "in.mp4", moving(12), sound="aac")
    outcome = translate(translator, film, tmp_path / "out.webm")
    assert "its sound (aac) is encoded anew as Opus, as .webm cannot hold it" in outcome.notes
    first, second = tone(film), tone(tmp_path / "out.webm")
    assert len(second) == pytest.approx(len(first), abs=3000)
    # The same tone: 0.05 radian a sample, by the place of the peak of the spectrum, and as loud.
    for row in (first, second):
        peak = np.abs(np.fft.rfft(row[2000:18384])).argmax()
        assert peak == pytest.approx(0.05 * 16384 / (2 * np.pi), abs=1)
    assert np.abs(second).mean() == pytest.approx(np.abs(first).mean(), rel=0.1)


def test_sound_that_outlasts_the_picture_is_kept(translator, tmp_path):
    film = write_film(tmp_path / "in.mp4", moving(6), sound="aac", more_sound=24)
    assert translate(translator, film, tmp_path / "out.mp4").frames == 6
    assert len(sound_packets(film)) > 50
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(film)


@pytest.mark.parametrize("codec", ["mp3", "ac3", "flac"])
def test_other_kinds_of_sound_are_copied_too(translator, tmp_path, codec):
    encoder = {"mp3": "libmp3lame"}.get(codec, codec)
    film = write_film(tmp_path / "in.mkv", moving(6), sound=encoder)
    assert not [n for n in translate(translator, film, tmp_path / "out.mp4").notes if "sound" in n]
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(film)


def test_sound_that_the_container_refuses_is_said(translator, tmp_path):
    """A transport stream begins at some time, and its AAC has a form that AVI does not take, though it takes AAC."""
    film = write_film(tmp_path / "in.ts", moving(6), sound="aac")
    outcome = translate(translator, film, tmp_path / "out.avi")
    assert any(note.startswith("its sound is left out, as .avi refuses it (") for note in outcome.notes)
    assert seconds(tmp_path / "out.avi") == pytest.approx([n / RATE for n in range(6)])
    assert not translate(translator, film, tmp_path / "out.mp4").notes[1:]  # the first: untagged
    assert lead(tmp_path / "out.mp4") == pytest.approx(lead(film), abs=0.001)


def test_a_part_of_a_film_has_a_part_of_its_sound(translator, tmp_path):
    film = write_film(tmp_path / "in.mp4", moving(20), sound="aac")
    assert translate(translator, film, tmp_path / "frames.mp4", frames=6).frames == 6
    assert translate(translator, film, tmp_path / "seconds.mp4", seconds=0.25).frames == 6  # 24 a second
    whole, part = sound_packets(film), sound_packets(tmp_path / "frames.mp4")
    assert part == whole[: len(part)]
    assert len(part) / len(whole) == pytest.approx(6 / 20, abs=0.1)


def test_variable_rates_are_refused_where_the_container_has_none(translator, tmp_path):
    film = write_film(tmp_path / "in.mkv", moving(4), times=[0, 1, 5, 6], time_base=Fraction(1, 24), **EXACT)
    with pytest.raises(ConfigError, match=r"not equally far apart, which \.avi cannot hold"):
        translate(translator, film, tmp_path / "out.avi")


def test_odd_sizes_are_padded_and_said(translator, tmp_path):
    film = write_film(tmp_path / "in.mkv", moving(2, size=(47, 63)), **EXACT)
    outcome = translate(translator, film, tmp_path / "out.mp4")
    (first, _) = decoded(tmp_path / "out.mp4")
    assert first.shape == (48, 64, 3)
    assert any("63 x 47 is odd" in note for note in outcome.notes)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("degrees", [0, 90])
def test_pixels_that_are_not_square_stay_so(translator, tmp_path, suffix, degrees):
    aspect = Fraction(16, 11)
    film = write_film(tmp_path / "in.mp4", moving(2), pixel_aspect=aspect, turned=(degrees, False))
    outcome = translate(translator, film, tmp_path / f"out{suffix}")
    is_said = any("which is lost in .webm" in note for note in outcome.notes)
    assert is_said == (suffix == ".webm")
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert is_said or container.streams.video[0].sample_aspect_ratio == (1 / aspect if degrees else aspect)


def test_every_frame_has_the_same_noise(tmp_path):
    """With dropout on, equal frames give equal results: the flicker is that of the source, none."""
    made = job(tmp_path / "run", {"inference.dropout": "true"})
    still = [moving(1)[0]] * 5
    film = write_film(tmp_path / "in.mkv", still, **EXACT)
    outcome = translate(Translator(made.model), film, tmp_path / "out.mp4")
    assert outcome.flicker.pairs == 4
    assert outcome.flicker.result_change == outcome.flicker.result_flicker == 0
    other = Translator(made.model)
    assert mean_error(other.translate(still[0], seed=0), other.translate(still[0], seed=1)) > 0


def test_the_source_beside_the_result(translator, tmp_path):
    frames = moving(3)
    film = write_film(tmp_path / "in.mkv", frames, **EXACT)
    translate(translator, film, tmp_path / "out.mp4", is_compared=True)
    first = decoded(tmp_path / "out.mp4")[0]
    assert first.shape == (64, 128, 3)
    assert mean_error(first[:, :60], frames[0][:, :60]) < 12  # beside noise


class Stopping(FilmReader):
    """A film during whose translation Ctrl-C is pressed."""

    def __init__(self, path, after):
        super().__init__(path)
        self.after = after

    def frames(self):
        yield from itertools.islice(super().frames(), self.after)
        raise KeyboardInterrupt


@pytest.mark.parametrize(("after", "steady"), [(2, 0.7), (4, 0.0), (7, 0.7), (9, 0.7)])
def test_a_continued_film_equals_an_uninterrupted_one(translator, tmp_path, steady, after):
    film = write_film(tmp_path / "in.mp4", moving(10), sound="aac")
    whole = translate(translator, film, tmp_path / "whole.mp4", steady=steady)
    target = tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        translate(translator, film, target, source=Stopping(film, after), steady=steady)
    assert not target.exists()
    continued = translate(translator, film, target, is_continued=True, steady=steady)
    assert continued.flicker == whole.flicker
    assert continued.frames == whole.frames == 10
    for first, second in zip(decoded(target), decoded(tmp_path / "whole.mp4"), strict=True):
        assert np.array_equal(first, second)
    assert sound_packets(target) == sound_packets(tmp_path / "whole.mp4")
    assert not (tmp_path / "out.mp4.parts").exists()


def test_pieces_that_a_camera_left_become_its_film(translator, tmp_path, monkeypatch):
    """Its process was killed: there is nothing left to see, and what it saw is not lost."""
    substitute_camera(monkeypatch, moving(9))
    with monkeypatch.context() as killed:
        killed.setattr(FilmWork, "_finish", lambda *_: None)  # after two pieces of four and one of one
        translate(translator, None, tmp_path / "out.mp4", source=Camera("camera:0"))
    with pytest.raises(ConfigError, match="9 frames of an earlier call are there"):
        translate(translator, None, tmp_path / "out.mp4", source=Camera("camera:0"))
    outcome = translate(translator, None, tmp_path / "out.mp4", source=Camera("camera:0"), is_continued=True)
    assert outcome.frames == len(decoded(tmp_path / "out.mp4")) == 9


def test_a_folder_without_a_finished_piece_is_no_obstacle(translator, tmp_path):
    film, target = write_film(tmp_path / "in.mp4", moving(5)), tmp_path / "out.mp4"
    (tmp_path / "out.mp4.parts" / ".000000.999999999.tmp").mkdir(parents=True)
    assert translate(translator, film, target).frames == 5
    assert sorted(os.listdir(tmp_path)) == ["in.mp4", "out.mp4"]


def test_only_what_was_begun_so_is_continued(translator, tmp_path):
    film, target = write_film(tmp_path / "in.mp4", moving(10)), tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        translate(translator, film, target, source=Stopping(film, 6))
    with pytest.raises(ConfigError, match=r"out\.mp4\.parts: 4 frames of an earlier call are there") as refused:
        translate(translator, film, target)
    assert "--continue" in refused.value.hint
    with pytest.raises(ConfigError, match="was begun with another --seed, --steady"):
        translate(translator, film, target, is_continued=True, steady=0.5, seed=3)
    assert translate(translator, film, target, is_continued=True).frames == 10


def test_a_broken_film_keeps_what_is_finished(translator, tmp_path):
    film, target = write_film(tmp_path / "in.mp4", moving(12), options={"g": "1", "bf": "0"}), tmp_path / "out.mp4"
    with av.open(str(film)) as container:
        place = [packet.pos for packet in container.demux(video=0) if packet.size][6]
    content = bytearray(film.read_bytes())
    content[place : place + 20] = b"\xff" * 20
    film.write_bytes(content)
    with pytest.raises(DataError, match=r"in\.mp4: broken at frame 6: ") as broken:
        translate(translator, film, target)
    assert "--frames 6 translates those before it" in broken.value.hint
    assert "4 finished frames are kept" in broken.value.hint
    assert not target.exists()
    assert translate(translator, film, target, is_continued=True, frames=6).frames == 6


def test_the_file_is_read_after_writing(translator, tmp_path, monkeypatch):
    """A film that is not what was written is found out, and does not appear."""
    film = write_film(tmp_path / "in.mp4", moving(5))
    short = write_film(tmp_path / "short.mp4", moving(4)).read_bytes()
    monkeypatch.setattr(film_join, "_write", lambda path, *_: path.write_bytes(short))
    with pytest.raises(ResourceError, match=r"out\.mp4: reads as 4 frames of 64 x 64, not 5 of 64 x 64"):
        translate(translator, film, tmp_path / "out.mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4.parts", "short.mp4"]


def test_a_film_that_cannot_be_written_keeps_its_pieces(translator, tmp_path, monkeypatch):
    film = write_film(tmp_path / "in.mp4", moving(5))

    replace = os.replace

    def full(path, target):
        if ".partial" in path.name:
            raise OSError(28, "No space left on device")
        replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(ResourceError, match=r"out\.mp4: cannot be written: No space left") as refused:
            translate(translator, film, tmp_path / "out.mp4", steady=0.0)
    assert "--continue" in refused.value.hint
    assert translate(translator, film, tmp_path / "out.mp4", is_continued=True).frames == 5


@pytest.fixture
def streets(tmp_path):
    """Photos, and label maps of four classes with a palette."""
    for side in "AB":
        (tmp_path / "streets" / side).mkdir(parents=True)
    for number, picture in enumerate(moving(6, size=(32, 32))):
        Image.fromarray(picture).save(tmp_path / "streets" / "A" / f"{number}.png")
        Image.fromarray(picture).quantize(4).save(tmp_path / "streets" / "B" / f"{number}.png")
    return ComponentRef("folder", {"path": str(tmp_path / "streets")})


LABELS = {"dataset.labels": "target", "dataset.classes": "4", "metrics": "[]"}


def test_labels_are_written_in_the_colours_of_the_palette(streets, tmp_path):
    translator = Translator(job(tmp_path / "run", LABELS, dataset=streets).model)
    film = write_film(tmp_path / "in.mkv", moving(2, size=(32, 32)), **EXACT)
    outcome = translate(translator, film, tmp_path / "out.mkv")
    assert "its labels are written as the colours of the palette" in outcome.notes
    with pytest.raises(ConfigError, match="--steady: this model gives labels"):
        translate(translator, film, tmp_path / "steady.mkv", steady=0.5)


def test_a_model_of_labels_takes_no_films(streets, tmp_path):
    translator = Translator(job(tmp_path / "run", {**LABELS, "data.direction": "BtoA"}, dataset=streets).model)
    with pytest.raises(ConfigError, match="this model takes label maps; a film has pictures"):
        FilmWork(translator=translator, reading=ReadOptions(), limits=TileLimits())


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_grey_and_deep_models_convert_what_a_film_shows(tmp_path, mode):
    for side in "AB":
        (tmp_path / "plain" / side).mkdir(parents=True)
        for number, picture in enumerate(moving(6, size=(32, 32))):
            grey = picture[..., 0] if side == "A" else 255 - picture[..., 0]
            grey = grey if mode == "L" else grey.astype(np.uint16) * 257
            Image.fromarray(grey).save(tmp_path / "plain" / side / f"{number}.png")
    dataset = ComponentRef("folder", {"path": str(tmp_path / "plain")})
    translator = Translator(job(tmp_path / "run", {"metrics": "[]"}, dataset=dataset).model)
    assert (translator.source.channels, translator.target.bits) == (1, 8 if mode == "L" else 16)
    film = write_film(tmp_path / "in.mkv", moving(2, size=(32, 32)), **EXACT)
    outcome = translate(translator, film, tmp_path / "out.mkv")
    assert outcome.frames == 2
    assert ("its results are written in 8 bits" in outcome.notes) == (mode != "L")
    (first, _) = decoded(tmp_path / "out.mkv")
    assert mean_error(first[..., 0], first[..., 1]) < 3  # grey, but for the encoder
