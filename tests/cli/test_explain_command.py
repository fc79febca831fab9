"""imtrans explain: every key is documented, and its example works."""

from pathlib import Path

import pytest
from terminal import shown

from imtrans.cli import explain
from imtrans.config.keys import all_keys, example, settings
from imtrans.plugins.options import CliText, coerce

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def keys(catalog):
    return all_keys(catalog)


def test_every_key_has_a_meaning_and_every_number_of_a_run_a_unit(keys):
    for key in keys:
        assert len(key.spec.help.split()) >= 2, f"{key.key} of {key.owners}: no help"
        is_number = key.spec.item in (int, float) and not key.owners
        assert not is_number or key.spec.unit or key.spec.high == 1, f"{key.key}: no unit"


def test_every_example_is_a_value_that_the_key_takes_and_not_its_default(keys, catalog):
    for key in keys:
        value = coerce(CliText(example(catalog, key.spec).strip('"')), key.spec, where=key.key)
        assert value != key.spec.default, f"{key.key}: {value}"


def test_every_key_of_a_run_is_there(keys, catalog):
    from config_factory import run

    known = {k.key for k in keys}
    for recipe in (entry.name for entry in catalog.entries("recipe")):
        for key, _, _ in run(catalog, recipe=recipe).rows():
            parts = key.split(".")
            group = ".".join([*parts[:2], parts[-1]]) if key.startswith("train.optimizer.") else key
            is_name = not any(k.startswith(f"{key}.") for k in known) and not {key, group} & known
            assert not is_name or len(parts) <= 2, key


def test_the_page_of_all_keys_is_up_to_date(keys):
    written = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    assert written == explain.page(keys) + "\n", (
        "Write it again: imtrans --no-plugins explain --markdown > docs/options.md"
    )


def test_a_key_is_explained(cli):
    out = cli("explain", "train.optimizer.lr").out
    assert out.startswith("train.optimizer.lr: learning rate\n")
    for text in (
        "default   0.0002",
        "float from 0",
        "flag      --lr",
        "recipe cut: 0.0002",
        "--set train.optimizer.lr=",
    ):
        assert text in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("lr", "train.optimizer.lr: learning rate"),
        ("--batch-size", "data.batch_size: pictures per step"),
        ("train.optimizer.discriminator.lr", "train.optimizer.lr: learning rate"),
        ("train.steps=300", "train.steps: training steps"),
        ("generator.width", "generator.width: channels of the first layer"),
        ("reconstruction.l1.weight", "reconstruction.l1.weight: factor of this term"),
    ],
)
def test_a_key_is_found_by_what_people_write(cli, asked, first):
    assert cli("explain", "--", asked).out.startswith(first)


def test_a_section_and_a_component_show_their_keys(cli):
    assert "train.evaluate_every" in cli("explain", "train").out
    assert "generator.blocks" in cli("explain", "resnet6").out


def test_an_unknown_key_names_the_nearest(cli):
    done = cli("explain", "train.evaluate_evry")
    assert (done.code, done.err) == (
        2,
        "Error: no key 'train.evaluate_evry'; did you mean 'train.evaluate_every'?\nAll keys: imtrans explain\n",
    )


def test_who_sets_a_key_is_found(catalog):
    assert ("recipe pix2pix", 100.0) in settings(catalog, "reconstruction.l1.weight")
    assert any(who == "data set facades" for who, _ in settings(catalog, "train.epochs"))


@pytest.mark.slow
@pytest.mark.parametrize("width", [60, 80, 160])
def test_what_is_listed_fits_the_terminal(width, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = [["explain"], ["explain", "generator.encoder_activation"], ["explain", "dataset"], ["list"]]
    lines = shown(width, *one, ["run", "pix2pix", "--dry-run"])
    assert max(map(len, lines)) <= width
    assert max(map(len, lines)) > width - 12, "the width is used"


@pytest.mark.slow
@pytest.mark.parametrize("command", [["explain"], ["runs"], ["completion", "bash"], ["list"], ["explain", "lr"]])
def test_commands_that_only_show_load_no_torch(command, tmp_path, monkeypatch):
    import subprocess
    import sys

    source = f"import sys; from imtrans.cli.main import run; sys.exit(run({command}) or 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
