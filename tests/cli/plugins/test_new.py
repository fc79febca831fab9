"""`imtrans plugins new`: what it writes works as it stands, for every kind; what it refuses."""

import json
import os
import subprocess
import sys

import pytest

from imtrans.plugins.catalog import LISTED_KINDS

NAMES = {kind: f"my-{kind.replace('_', '-')}" for kind in LISTED_KINDS}


@pytest.fixture
def made(cli, plugin_dist, tmp_path, monkeypatch):
    """A plugin of every kind, called my-KIND, as if each were installed; the folders for PYTHONPATH."""
    folders = []
    for kind, name in NAMES.items():
        ended = cli("plugins", "new", name, "--kind", kind)
        assert ended.code == 0, ended.err
        folders.append(tmp_path / f"imtrans-{name}" / "src")
        monkeypatch.syspath_prepend(str(folders[-1]))
        folders.append(plugin_dist(f"imtrans-{name}", points={name: f"imtrans_my_{kind}"}))
    yield [*map(str, dict.fromkeys(folders))]
    for module in [m for m in sys.modules if m.startswith("imtrans_my_")]:
        del sys.modules[module]


@pytest.mark.slow
def test_the_tests_of_every_kind_pass_and_its_code_is_formatted(made, tmp_path):
    files = sorted(map(str, tmp_path.glob("imtrans-my-*/tests/test_*.py")))
    assert len(files) == len(LISTED_KINDS)
    path = os.pathsep.join([*made, *sys.path])
    flags = ("-q", "-n", "0", "-p", "no:cacheprovider", "-c", os.devnull, "--import-mode=importlib", "--rootdir", ".")
    command = [sys.executable, "-m", "pytest", *flags, *files]
    ended = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout
    for task in (["check", "--select", "E,F,W,B,UP"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *task, "--isolated", "--line-length", "120", "--no-cache", "."]
        ended = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout


@pytest.mark.slow
def test_all_kinds_are_listed_and_train_together(made, cli, tmp_path):
    listed = {(c["kind"], c["name"], c["distribution"]) for c in json.loads(cli("list", "--json").out)}
    for kind, name in NAMES.items():
        assert (kind, name, f"imtrans-{name}") in listed
    small = "--steps 2 --set data.size=32 --set data.batch_size=2 --set train.num_samples=1 --set train.log_every=1"
    networks = "--set generator=my-generator --set generator.width=4 --set discriminator=my-discriminator"
    losses = "--set adversarial=my-adversarial --set reconstruction+=my-loss --set discriminator.width=4"
    losses += " --set discriminator_augmentation=my-discriminator-augmentation"
    others = "--dataset my-dataset --set dataset.pairs=5 --set augment+=my-augmentation --set metrics=my-metric"
    watched = "--set observers=my-observer --name together"
    ended = cli("run", "pix2pix", *f"{small} {networks} {losses} {others} {watched}".split())
    assert ended.code == 0, ended.err
    table = (tmp_path / "runs" / "together" / "my-observer.csv").read_text()
    assert "2,reconstruction," in table
    assert "my-metric" in ended.out
    mine = "--set generator=unet64 --set generator.depth=3 --set generator.width=4 --set dataset.pairs=5"
    activated = "--set generator.encoder_activation=my-activation --set metrics=l1"
    ended = cli("run", "my-method", *f"{small} {mine} {activated}".split())
    assert ended.code == 0, ended.err
    ended = cli("evaluate", "together", "--protocol", "my-protocol")
    assert ended.code == 0, ended.err
    assert cli("run", "my-recipe", "--dry-run").code == 0


def test_it_says_what_it_made_and_what_comes_next(cli, tmp_path):
    ended = cli("plugins", "new", "soft-net", "--kind", "generators", "--output", "here/net")
    assert ended.out.splitlines() == [
        "Made here/net, a plugin that provides the generator soft-net:",
        "  pyproject.toml",
        "  README.md",
        "  .gitignore",
        "  .github/workflows/test.yml",
        "  src/imtrans_soft_net/__init__.py",
        "  src/imtrans_soft_net/generator.py",
        "  tests/test_soft_net.py",
        "Next:",
        "  python -m pip install -e 'here/net[test]'",
        "  python -m pytest here/net",
        "  imtrans run pix2pix --set generator=soft-net",
    ]
    assert all((tmp_path / "here" / "net" / line.strip()).is_file() for line in ended.out.splitlines()[1:8])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("net", "--kind says what the plugin provides, and is missing\nOne of recipe, generator, "),
        ("net --kind generater", "no kind 'generater'; did you mean 'generator'?"),
        ("My_Net --kind loss", "name 'My_Net': must be lower-case words, digits and hyphens, at most 50"),
        ("My_Net --kind loss", "\nFor example: my-net\n"),
        ("../net --kind loss", "\nFor example: net\n"),
        (f"{'x' * 51} --kind loss", "at most 50 characters\n"),
        ("imtrans-net --kind loss", "the distribution gets imtrans- before its name\nLeave it out: net\n"),
        (
            "json --kind loss",
            "name 'json': Python has a module of this name\nChoose another name, for example my-",
        ),
        ("unet256 --kind generator", "name 'unet256': a generator of this name ships with imtrans\n"),
        ("kornia --kind generator", "name 'kornia': the package imtrans_kornia ships with imtrans\n"),
        ("net --kind loss --output full", "full: the folder is not empty\nChoose another: --output DIR\n"),
        ("net --kind loss --output full/file", "full/file: is a file\nChoose another: --output DIR\n"),
    ],
)
def test_what_it_refuses(cli, tmp_path, arguments, message):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    ended = cli("plugins", "new", *arguments.split())
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert [p.name for p in tmp_path.iterdir() if p.name != "home"] == ["full"]


def test_an_empty_folder_may_be_there_and_one_that_cannot_be_written_is_named(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    assert cli("plugins", "new", "net", "--kind", "loss", "--output", "empty").code == 0
    (tmp_path / "file").touch()
    ended = cli("plugins", "new", "net", "--kind", "loss", "--output", "file/below")
    assert ended.code == 5
    assert ended.err.startswith("Error: file/below: cannot be made: ")
