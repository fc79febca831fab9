"""A recipe as a TOML file: what it sets, and what is wrong with one."""

import re
from pathlib import Path

import pytest

from imtrans.config.recipe_file import opened
from imtrans.config.resolve import resolve
from imtrans.errors import ConfigError, ImtransError

WHOLE = """
name = "mish-hinge"
base = "pix2pix"
metrics = []
[networks]
generator = { name = "unet64", depth = 3, encoder_activation = "mish" }
[losses]
adversarial = "hinge"
reconstruction = ["l1", { name = "mse", weight = 2 }]
[dataset]
name = "toy"
pairs = 9
[train]
steps = 2
optimizer.discriminator.lr = 4e-4
[inference]
dropout = false
"""


@pytest.fixture
def resolved(catalog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(text, name="my.toml"):
        Path(name).write_text(text)
        return resolve(*opened(catalog, name))

    return call


def test_every_section_is_set_with_its_origin(resolved):
    config = resolved(WHOLE)
    rows = {key: (value, origin) for key, value, origin in config.rows()}
    origin = "recipe mish-hinge (my.toml)"
    assert config.recipe == "mish-hinge"
    assert rows["generator.depth"] == (3, origin)
    assert rows["generator.encoder_activation"] == (["mish"], origin)
    assert rows["adversarial.hinge"] == ("hinge", origin)
    assert rows["reconstruction.mse.weight"] == (2.0, origin)
    assert rows["dataset.pairs"] == (9, origin)
    assert rows["train.steps"] == (2, origin)
    assert rows["train.optimizer.discriminator.lr"] == (4e-4, origin)
    assert rows["train.optimizer.generator.lr"][1] != origin
    assert rows["inference.dropout"] == (False, origin)
    assert rows["metrics"][0] == []
    assert rows["method"][1] == "recipe pix2pix"


def test_it_is_called_after_its_file_unless_it_says_more(resolved):
    assert resolved('base = "pix2pix"', "soft-edges.toml").recipe == "soft-edges"


def test_a_recipe_needs_no_base_if_it_has_a_method(resolved):
    text = 'method = "conditional-gan"\n[networks]\ngenerator = "unet64"\ndiscriminator = "patchgan16"\n'
    assert resolved(f'{text}[losses]\nadversarial = "bce"\nreconstruction = []').method.name == "conditional-gan"


def test_the_data_set_may_be_a_folder(resolved, pairs):
    dataset = resolved(f'base = "pix2pix"\ndataset = "{pairs().name}"').dataset
    assert (dataset.name, Path(dataset.options.path).name) == ("folder", "pairs")


def test_the_one_in_the_docs_is_a_recipe(resolved):
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text("utf-8")
    config = resolved(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1])
    assert (config.recipe, config.train.epochs, config.parts["adversarial"][0].name) == ("mish-hinge", 100, "hinge")


def test_other_names_stay_as_they_are(catalog):
    assert opened(catalog, "pix2pix") == (catalog, "pix2pix")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('bas = "pix2pix"', "my.toml:1: bas: no key 'bas'; did you mean 'base'?\nThere are augment, base, data, "),
        (
            'base = "pix2pix"\n[networks]\ngenerater = "unet64"',
            "my.toml:3: networks.generater: no slot 'generater'; did you mean 'generator'?\nThere are adversarial, ",
        ),
        ('base = "pix2pi"', "no recipe 'pix2pi'; did you mean 'pix2pix'?"),
        (
            'base = "pix2pix"\n[train]\nstep = 2',
            "(my.toml): train.step: no option 'step'; did you mean 'steps'?",
        ),
        ('base = "pix2pix"\n[train]\nsteps = "x"', "recipe my (my.toml): train.steps 'x': must be a whole number"),
        (
            'base = "pix2pix"\n[networks.generator]\nwidth = 4',
            "networks.generator {'width': 4}: must be a component",
        ),
        ('base = "pix2pix"\n[networks]\ngenerator = "unet63"', "no generator 'unet63'; did you mean 'unet64'?"),
        ('summary = "x"', "my.toml: it has neither base nor method\nA recipe begins with another one"),
        ('name = "pix2pix"\nbase = "pix2pix"', "my.toml: there is a recipe 'pix2pix' already\nGive it another name"),
        ('name = "My Recipe"\nbase = "pix2pix"', "my.toml:1: name: 'My Recipe' must be lower-case words"),
        ("name = 3", "my.toml:1: name 3: must be text"),
        ('base = "pix2pix"\ntrain = 3', "my.toml:2: train: must be a table\nWrite [train], and its keys below."),
        (
            'recipe = "pix2pix"\n[train]\nsteps = 2',
            "this is the configuration of a run, not a recipe\nGive it ",
        ),
        ("base = ", ": Invalid value\nFix that line."),
        ("", "my.toml: the file is empty\nPut keys into it, or name another file."),
    ],
)
def test_what_is_wrong_is_named(resolved, text, message):
    with pytest.raises(ImtransError) as error:
        resolved(text)
    assert message in str(error.value)
    assert error.value.exit_code == 2


def test_a_file_that_is_missing_is_named(catalog):
    with pytest.raises(ConfigError, match=r"^nowhere.toml: no such file"):
        opened(catalog, "nowhere.toml")
