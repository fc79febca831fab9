"""`imtrans run my.toml`: a recipe of one's own, which nothing needs any more once the run exists."""

import pytest
from PIL import Image

import imtrans

RECIPE = """
name = "tiny"
base = "pix2pix"
metrics = ["l1"]
[networks]
generator = { name = "unet64", depth = 3, width = 2 }
discriminator = { name = "patchgan16", width = 2 }
[dataset]
name = "toy"
pairs = 4
[data]
size = 32
batch_size = 2
[train]
steps = 2
num_samples = 1
"""


def test_the_dry_run_shows_the_file_and_flags_go_before_it(cli, tmp_path):
    (tmp_path / "my.toml").write_text(RECIPE)
    ended = cli("run", "my.toml", "--dry-run", "--steps", "7")
    rows = [line.split(maxsplit=2) for line in ended.out.splitlines()]
    assert ["data.size", "[32]", "recipe tiny (my.toml)"] in rows
    assert ["train.steps", "7", "--steps"] in rows or ["train.steps", "7", "flag"] in rows


def test_a_missing_file_ends_with_2(cli):
    ended = cli("run", "mine.toml")
    assert (ended.code, ended.err) == (2, "Error: mine.toml: no such file\n")


@pytest.mark.slow
def test_resume_rerun_and_translate_need_no_file(cli, tmp_path):
    (tmp_path / "my.toml").write_text(RECIPE)
    assert cli("run", "my.toml").code == 0
    (tmp_path / "my.toml").unlink()
    Image.new("RGB", (32, 32)).save(tmp_path / "x.png")
    assert 'recipe = "tiny"' in (tmp_path / "runs" / "tiny-toy" / "config.toml").read_text()
    for line in (
        "resume tiny-toy --steps 3",
        "rerun tiny-toy --name again",
        "runs",
        "compare tiny-toy again",
        "translate tiny-toy x.png -o y.png",
    ):
        ended = cli(*line.split())
        assert ended.code == 0, f"{line}: {ended.err}"
    assert (tmp_path / "y.png").is_file()


@pytest.mark.slow
def test_python_takes_the_file_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.toml").write_text(RECIPE)
    assert imtrans.train("my.toml", name="of-python").folder.name == "of-python"
