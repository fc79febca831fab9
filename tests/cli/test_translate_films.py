"""imtrans translate, of films and cameras: what is done, refused, listed, and continued."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from factories import job
from films import EXACT, decoded, moving, substitute_camera, write_film
from PIL import Image

import imtrans
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run of one step."""
    top = tmp_path_factory.mktemp("films")
    trainer.fit(job(top / "runs" / "mine", {"train.steps": "1", "metrics": "[]", "train.num_samples": "1"}))
    return top


@pytest.fixture
def run(trained, tmp_path):
    (tmp_path / "runs").symlink_to(trained / "runs")
    return "mine"


@pytest.fixture
def camera(monkeypatch):
    """A camera that shows a made film, and then no more; the times it was opened."""
    return substitute_camera(monkeypatch, moving(6))


def test_a_film_becomes_a_film(run, cli, tmp_path):
    write_film(tmp_path / "in.mp4", moving(5), sound="aac")
    done = cli("translate", run, "in.mp4", "-o", "out.mp4")
    assert done.code == 0
    first, change, flicker = done.out.splitlines()
    assert first == "in.mp4: 5 frames translated to out.mp4"
    assert change.startswith("change between neighbouring frames: source ")
    assert flicker.startswith("flicker (that change where the source only moved): source ")
    assert "the same for every frame: seed 0, norm statistics 'running', dropout off" in done.err
    assert len(decoded(tmp_path / "out.mp4")) == 5
    assert sorted(os.listdir(tmp_path)) == ["in.mp4", "out.mp4", "runs"]


def test_several_films_and_folders_keep_their_names(run, cli, tmp_path):
    (tmp_path / "films" / "deep").mkdir(parents=True)
    write_film(tmp_path / "films" / "a.mkv", moving(2), **EXACT)
    write_film(tmp_path / "films" / "deep" / "b.mpg", moving(2), codec="mpeg2video")
    assert cli("translate", run, "films", "-o", "out").code == 0
    assert [len(decoded(tmp_path / "out" / name)) for name in ("a.mkv", "deep/b.mp4")] == [2, 2]
    assert cli("translate", run, "films/*.mkv", "-o", "other", "--format", "webm").code == 0
    assert len(decoded(tmp_path / "other" / "a.webm")) == 2


def test_a_broken_film_is_listed_and_the_others_done(run, cli, tmp_path):
    write_film(tmp_path / "b.mp4", moving(2))
    (tmp_path / "a.mp4").write_bytes(b"no film")
    done = cli("translate", run, "a.mp4", "b.mp4", "-o", "out")
    assert done.code == 3
    assert "Error: a.mp4: not a film, or its end is missing" in done.err
    assert os.listdir(tmp_path / "out") == ["b.mp4"]


def test_films_that_exist_are_kept_unless_asked(run, cli, tmp_path):
    write_film(tmp_path / "in.mp4", moving(2))
    assert cli("translate", run, "in.mp4", "-o", "out.mp4").code == 0
    refused = cli("translate", run, "in.mp4", "-o", "out.mp4")
    assert (refused.code, "out.mp4 exists (from in.mp4)" in refused.err) == (2, True)
    kept = cli("translate", run, "in.mp4", "-o", "out.mp4", "--continue")
    assert (kept.code, "1 were there already" in kept.err) == (0, True)
    assert cli("translate", run, "in.mp4", "-o", "out.mp4", "--overwrite").code == 0
    own = cli("translate", run, "in.mp4", "-o", ".")
    assert (own.code, "in.mp4 is an input" in own.err) == (2, True)


def test_two_films_of_one_name_are_refused(run, cli, tmp_path):
    write_film(tmp_path / "a.mp4", moving(1))
    write_film(tmp_path / "a.mpg", moving(1), codec="mpeg2video")
    done = cli("translate", run, "a.mp4", "a.mpg", "-o", "out")
    assert (done.code, "would both become" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("in.mp4", "-o", "out.gif"), ".gif: is no film that is written\nUse .mp4 .mkv .webm .mov .avi."),
        (("in.mp4", "-o", "out", "--format", "png"), ".png: is no film that is written"),
        (("in.mp4", "-o", "out.mp4", "--samples", "2"), "--samples: is for pictures, in.mp4 is a film"),
        (("in.mp4", "-o", "out.mp4", "--grid", "a.png"), "--grid: is for pictures, in.mp4 is a film"),
        (("in.mp4", "-o", "out.mp4", "--whole"), "--whole: is for pictures, in.mp4 is a film"),
        (("in.mp4", "-o", "out.mp4", "--steady", "2"), "2.0 is not in the range 0<=x<=1"),
        (("in.mp4", "-o", "out.mp4", "--size", "big"), "size 'big': is no size"),
        (("in.mp4", "p.png", "-o", "out"), "in.mp4 is a film, p.png is not: one kind at a time"),
        (("camera:0", "in.mp4", "-o", "out"), "camera:0: a camera is translated alone"),
        (("camera:front", "-o", "out.mp4"), "'camera:front': is no camera"),
        (("camera:0", "-o", "out.avi"), "which .avi cannot hold"),
        (("p.png", "-o", "out", "--steady", "0.5"), "--steady, --frames, --seconds: are for films"),
    ],
)
def test_what_cannot_be_is_refused_by_name(run, cli, tmp_path, arguments, words):
    write_film(tmp_path / "in.mp4", moving(2))
    Image.fromarray(moving(1)[0]).save(tmp_path / "p.png")
    done = cli("translate", run, *arguments)
    assert done.code == 2, done.err
    assert words in done.err
    assert sorted(set(os.listdir(tmp_path)) - {"home"}) == ["in.mp4", "p.png", "runs"]


def test_a_film_that_is_not_there_is_said(run, cli, tmp_path):
    done = cli("translate", run, "in.mp4", "-o", "out.mp4")
    assert (done.code, "in.mp4: No such file or directory" in done.err) == (3, True)


def test_films_in_a_folder_of_pictures_are_left_out_and_said(run, cli, tmp_path):
    (tmp_path / "in").mkdir()
    write_film(tmp_path / "in" / "a.mp4", moving(1))
    Image.fromarray(moving(1)[0]).save(tmp_path / "in" / "p.png")
    done = cli("translate", run, "in", "-o", "out")
    assert done.code == 0
    assert "in: films in it (1) are left out, as it holds pictures; name them to translate them" in done.err
    assert os.listdir(tmp_path / "out") == ["p.png"]


def test_without_the_package_its_extra_is_named(run, cli, tmp_path, monkeypatch):
    write_film(tmp_path / "in.mp4", moving(1))
    monkeypatch.setitem(sys.modules, "av", None)
    done = cli("translate", run, "in.mp4", "-o", "out.mp4")
    assert done.code == 8
    assert 'PyAV, which is not installed\npython -m pip install "imtrans[video]"' in done.err


def test_a_camera_is_written_until_it_is_gone(run, cli, tmp_path, camera):
    done = cli("translate", run, "camera:0", "-o", "out.mp4")
    assert done.code == 0, done.err
    assert "camera:0: 6 frames translated to out.mp4" in done.out
    assert "camera:0: it gives no more pictures" in done.err
    assert len(decoded(tmp_path / "out.mp4")) == 6
    assert camera == ["released"]


def test_so_many_frames_of_a_camera(run, cli, tmp_path, camera):
    assert cli("translate", run, "camera:0", "-o", "out", "--frames", "3", "--compare").code == 0
    first, *rest = decoded(tmp_path / "out" / "camera-0.mp4")
    assert len(rest) == 2
    shown = moving(6)[0]  # in the right order of colours
    assert np.abs(first[:, :60].astype(int) - shown[:, :60]).mean() < 12


def test_a_camera_that_is_not_there_is_said(run, cli, tmp_path, camera):
    done = cli("translate", run, "camera:7", "-o", "out.mp4")
    assert done.code == 5
    assert "camera:7: gives no picture" in done.err
    assert sorted(set(os.listdir(tmp_path)) - {"home"}) == ["runs"]


def test_python_translates_a_film(trained, tmp_path, monkeypatch):
    """The block of docs/video.md, which goes on with what was interrupted; and what exists is not replaced."""
    write_film(tmp_path / "film.mp4", moving(5))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained / "runs" / "mine", "runs/first")
    page = (Path(__file__).parents[2] / "docs" / "video.md").read_text("utf-8")
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "docs/video.md", "exec"), {})
    assert len(decoded(tmp_path / "from-python.mp4")) == 5
    with pytest.raises(ConfigError, match=r"from-python\.mp4 exists"):
        imtrans.translate_film("first", "film.mp4", "from-python.mp4")
    again = imtrans.translate_film(imtrans.load("first"), "film.mp4", "from-python.mp4", frames=2, overwrite=True)
    assert again.frames == 2


CAMERA = """
import itertools, sys, time
import cv2
sys.path.insert(0, {tests!r})
from films import moving

class Endless:
    def __init__(self, number):
        self.frames = itertools.cycle(moving(6))
    def isOpened(self):
        return True
    def set(self, key, value):
        return True
    def read(self):
        time.sleep(0.02)
        return True, next(self.frames)[..., ::-1].copy()
    def release(self):
        pass

cv2.VideoCapture = Endless
from imtrans.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


@contextlib.contextmanager
def started(tmp_path, program, *arguments):
    """A process that hears Ctrl-C also where the tests run in the background, and that ends with the block."""
    process = subprocess.Popen(
        [sys.executable, *program, *arguments],
        cwd=tmp_path,
        env={**os.environ, "IMTRANS_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def waited_for(path, process, *, limit=60):
    end = time.monotonic() + limit
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end, f"no {path.name}"
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_camera_with_a_whole_film(run, tmp_path, number):
    tests = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "shared")
    arguments = ("translate", run, "camera:0", "-o", "out.mp4")
    with started(tmp_path, ["-c", CAMERA.format(tests=tests)], *arguments) as process:
        waited_for(tmp_path / "out.mp4.parts" / "000000", process)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    frames = len(decoded(tmp_path / "out.mp4"))
    assert frames >= 48
    assert f"camera:0: {frames} frames translated to out.mp4" in out
    assert not (tmp_path / "out.mp4.parts").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_film_that_was_stopped_goes_on_to_the_same_film(run, cli, tmp_path, number):
    """Pieces are of 48 frames: it is stopped in the third one, and in the middle of any write."""
    write_film(tmp_path / "in.mp4", moving(160), sound="aac")
    options = ("--steady", "0.6", "--size", "native")
    assert cli("translate", run, "in.mp4", "-o", "whole.mp4", *options).code == 0
    arguments = ("translate", run, "in.mp4", "-o", "out.mp4", *options)
    with started(tmp_path, ["-m", "imtrans"], *arguments) as process:
        waited_for(tmp_path / "out.mp4.parts" / "000001", process)
        time.sleep(0.05)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    if process.returncode != 0:  # else it was quicker than the signal
        assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number), err
        assert not (tmp_path / "out.mp4").exists()
        if number != signal.SIGKILL:
            assert "in.mp4: interrupted, 96 frames are kept" in err
            assert "--continue goes on with the rest" in err
        assert cli(*arguments, "--continue").code == 0
    pairs = zip(decoded(tmp_path / "out.mp4"), decoded(tmp_path / "whole.mp4"), strict=True)
    assert all(np.array_equal(first, second) for first, second in pairs)


@pytest.mark.slow
def test_killed_at_any_moment_a_film_is_whole_or_not_there(run, cli, tmp_path):
    write_film(tmp_path / "in.mp4", moving(100))
    assert cli("translate", run, "in.mp4", "-o", "whole.mp4", "--size", "native").code == 0
    arguments = ("translate", run, "in.mp4", "-o", "out.mp4", "--size", "native")
    for moment in (0.05, 0.3, 0.6, 1.0):
        with started(tmp_path, ["-m", "imtrans"], *arguments, "--continue") as process:
            waited_for(tmp_path / "out.mp4.parts", process)
            timer = threading.Timer(moment, process.kill)
            timer.start()
            process.communicate(timeout=60)
            timer.cancel()
        if (tmp_path / "out.mp4").exists():
            break
    assert cli(*arguments, "--continue").code == 0
    pairs = zip(decoded(tmp_path / "out.mp4"), decoded(tmp_path / "whole.mp4"), strict=True)
    assert all(np.array_equal(first, second) for first, second in pairs)
