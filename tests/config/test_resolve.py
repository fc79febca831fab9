from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from config_factory import PLAIN, Plain, dataset, given_by_others, refused, run

from imtrans.config.resolve import resolve, restore
from imtrans.config.schema import RunConfig
from imtrans.errors import ConfigError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef, WeightedRef
from imtrans.plugins.recipe import Recipe
from imtrans_unet import UNetOptions


def origins(config: RunConfig) -> Mapping[str, tuple[Any, str]]:
    return {key: (value, origin) for key, value, origin in config.rows()}


def test_later_layers_win_and_each_value_knows_its_origin(tmp_path: Path) -> None:
    keys = ("seed", "num_samples", "log_every", "save_every", "sample_every")
    catalog = given_by_others(
        dataset(**{f"train__{k}": 2 for k in keys[1:]}),
        Recipe(name="own", summary="", base="pix2pix", train=dict.fromkeys(keys[2:], 3)),
    )
    file = tmp_path / "c.toml"
    file.write_text("[train]\nsave_every = 4\nsample_every = 4\n")
    config = run(catalog, "train.sample_every=5", recipe="own", file=file, dataset="own")
    found = origins(config)
    assert [found[f"train.{k}"] for k in keys] == [
        (0, "default"),
        (2, "dataset own"),
        (3, "recipe own"),
        (4, str(file)),
        (5, "flag"),
    ]
    assert found["dataset"] == ("own", "flag")
    assert found["generator"] == ("unet256", "recipe pix2pix")


def test_components_are_added_beside_those_of_the_recipe(catalog: Catalog, tmp_path: Path) -> None:
    config = run(catalog, "reconstruction+=mse", "reconstruction.mse.weight=10", 'metrics+=["ms-ssim"]')
    assert [(c.name, c.weight) for c in config.parts["reconstruction"]] == [("l1", 100.0), ("mse", 10.0)]
    assert [c.name for c in config.metrics][-1] == "ms-ssim"
    found = origins(config)
    assert (found["reconstruction.l1.weight"][1], found["reconstruction.mse.weight"][1]) == ("recipe pix2pix", "flag")
    file = tmp_path / "c.toml"
    file.write_text('"reconstruction+" = ["mse"]\n')
    assert [c.name for c in run(catalog, file=file).parts["reconstruction"]] == ["l1", "mse"]
    again = resolve(catalog, "pix2pix", layers=[])
    assert [c.name for c in again.parts["reconstruction"]] == ["l1"]


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("generator+=unet64", "generator takes one generator, and there is one"),
        ("data.size+=64", "+= adds components to a list"),
        ("reconstruction+=l1", "reconstruction names one component twice: l1, l1"),
    ],
)
def test_what_cannot_be_added_is_refused(catalog: Catalog, setting: str, fault: str) -> None:
    assert fault in refused(catalog, setting)


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("genrator.width=1", "no key 'genrator.width'; did you mean 'generator.width'?"),
        ("generator.widht=1", "no option 'widht' in unet256; did you mean 'width'?"),
        ("reconstruction.weigth=1", "no option 'weigth' in l1; did you mean 'weight'?"),
        ("augment.kornia-filp.probability=1", "augment has no 'kornia-filp'; did you mean 'kornia-flip'?"),
        (
            "augment.kornia-flip=1",
            "'kornia-flip' is a component; give one of its options: augment.kornia-flip.OPTION",
        ),
        ("data.sizes=1", "no option 'sizes'; did you mean 'size'?"),
        ("train.epoch=1", "no option 'epoch'; did you mean 'epochs'?"),
        ("train.optimizer.lrr=1", "no option 'lrr'; did you mean 'lr'?"),
        (
            "train.optimizer.generatr.lr=1",
            "no key 'train.optimizer.generatr.lr'; did you mean 'train.optimizer.generator.lr'?",
        ),
        ("inference.droput=true", "no option 'droput'; did you mean 'dropout'?"),
        ("dataset.roots=x", "no option 'roots' in toy; it has pairs"),
        ("zzz=1", "no key 'zzz'; there are adversarial, augment, data, dataset"),
        ("recipe=other", "no key 'recipe'"),
        ("generator.width.x=1", "'width' of unet256 has no keys of its own"),
        ("generator=unet265", "no generator 'unet265'; did you mean 'unet256'?"),
        ("generator=torch.nn:Identity", "no generator 'torch.nn:Identity'"),
        ("generator.encoder_activation=mihs", "no activation 'mihs'; did you mean 'mish'?"),
        ("generator.encoder_activation.slop=1", "leaky-relu has no option 'slop'; did you mean 'slope'?"),
        ("generator.encoder_activation={slope=1}", "must be a component's name, or {name = ..., option = value}"),
        ('reconstruction=["l1", "l1"]', "reconstruction names one component twice: l1, l1"),
        ("generator.width=[1]", "must be a whole number of at least 1"),
        ('generator={name="unet64", width=0}', "generator.width 0: must be a whole number of at least 1"),
    ],
)
def test_what_cannot_be_set_is_told_with_the_nearest(catalog: Catalog, setting: str, fault: str) -> None:
    told = refused(catalog, setting)
    assert told.startswith(f"--set {setting.partition('=')[0]}")
    assert fault in told


def test_an_unknown_key_of_a_file_is_told_with_its_line(catalog: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[generator]\nwidth = 8\nwidht = 8\n")
    expected = f"{file}:3: generator.widht: no option 'widht' in unet256; did you mean 'width'?"
    assert refused(catalog, file=file) == expected


@pytest.mark.parametrize("setting", ["width", "=3", " =3", ""])
def test_a_setting_without_key_or_value_is_refused(catalog: Catalog, setting: str) -> None:
    assert refused(catalog, setting) == f"--set {setting!r}: must have the form KEY=VALUE"


def test_an_unknown_key_of_a_recipe_is_an_error_that_names_the_recipe() -> None:
    catalog = given_by_others(Recipe(name="own", summary="", base="pix2pix", train={"epoch": 3}))
    with pytest.raises(ConfigError, match=r"^recipe own: train\.epoch: no option 'epoch'; did you mean 'epochs'\?"):
        run(catalog, recipe="own")


def test_a_recipe_that_leaves_a_slot_empty_is_refused() -> None:
    catalog = given_by_others(Recipe(name="own", summary="", method=ComponentRef("conditional-gan")))
    with pytest.raises(ConfigError) as caught:
        run(catalog, recipe="own")
    assert str(caught.value) == "recipe 'own' says nothing of 'generator'\nGive a generator: --set generator=NAME"


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("generator__dept", 3, "no option 'dept' in unet256; did you mean 'depth'?"),
        ("generator__width", 0, "generator.width 0: must be a whole number of at least 1"),
        ("augment__kornia-color__hue", 0.1, "augment has no 'kornia-color'"),
        ("train__optimizer__critic__lr", 1, "no key 'train.optimizer.critic.lr'"),
        ("penalties__weight", 1, "no key 'penalties.weight'"),
        ("generator__width__x", 1, "'width' of unet256 has no keys of its own"),
    ],
)
def test_advice_that_finds_no_taker_is_left_out_and_told(key: str, value: Any, fault: str) -> None:
    config = run(given_by_others(dataset(**{key: value, "train__seed": 3})), dataset="own")
    (dropped,) = config.dropped
    assert dropped.startswith(f"{key.replace('__', '.')} (dataset own): ")
    assert fault in dropped
    assert config.train.seed == 3


def test_what_a_data_set_advises_today_changes_no_model_of_yesterday() -> None:
    """An option that came later is not in the record of a run: it has its default, whatever is advised by now."""
    catalog = given_by_others(dataset(generator__width=3, train__seed=3))
    tree = run(catalog, dataset="own").tree()
    assert tree["generator"]["width"] == 3
    del tree["generator"]["width"], tree["train"]["seed"]
    restored = restore(catalog, tree, origin="checkpoint")
    assert restored.parts["generator"][0].options.width == UNetOptions().width
    assert restored.train.seed == 0


def test_another_component_drops_what_the_recipe_said_of_the_first() -> None:
    mine = ComponentRef("unet256", {"width": 9, "depth": 3, "norm": "instance"})
    catalog = given_by_others(Recipe(name="own", summary="", base="pix2pix", networks={"generator": mine}), PLAIN)
    config = run(catalog, "generator=plain", "dataset=folder", recipe="own")
    assert config.parts["generator"][0].options == Plain(width=9, norm="layer")
    assert config.dropped == (
        "generator.depth (recipe own): no option 'depth' in plain; did you mean 'width'?",
        "generator.norm (recipe own): recipe own: generator.norm 'instance': must be one of layer, none; "
        "did you mean 'none'?",
    )


def test_leaving_out_an_augmentation_drops_its_advice(catalog: Catalog) -> None:
    config = run(catalog, "augment=kornia-flip")
    assert [c.name for c in config.augment] == ["kornia-flip"]
    left_out = "augment.kornia-jitter.scale (dataset toy): augment has no 'kornia-jitter'"
    assert any(text.startswith(left_out) for text in config.dropped)
    assert run(catalog, "augment=[]").augment == ()


@pytest.mark.parametrize(
    ("settings", "uses"),
    [
        (["generator.encoder_activation=mish"], (ComponentRef("mish"),)),
        (["generator.encoder_activation.slope=0.3"], (ComponentRef("leaky-relu", {"slope": 0.3}),)),
        (["generator.encoder_activation.name=gelu"], (ComponentRef("gelu"),)),
        (
            ['generator.encoder_activation={slope=0.3, name="leaky-relu"}'],
            (ComponentRef("leaky-relu", {"slope": 0.3}),),
        ),
        (['generator.encoder_activation=["mish", "relu"]'], (ComponentRef("mish"), ComponentRef("relu"))),
    ],
)
def test_an_activation_is_set_by_name_by_option_or_as_a_list(
    catalog: Catalog, settings: list[str], uses: tuple[ComponentRef, ...]
) -> None:
    assert run(catalog, *settings).parts["generator"][0].options.encoder_activation == uses


def test_an_option_of_several_activations_is_ambiguous(catalog: Catalog) -> None:
    several = ('generator.encoder_activation=["mish", "relu"]', "generator.encoder_activation.slope=1")
    assert "encoder_activation names several components; give the whole list" in refused(catalog, *several)


def test_in_a_file_the_name_comes_first_wherever_it_stands(catalog: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text('{"generator": {"decoder_activation": {"slope": 0.3, "name": "leaky-relu"}}}')
    options = run(catalog, file=file).parts["generator"][0].options
    assert options.decoder_activation == (ComponentRef("leaky-relu", {"slope": 0.3}),)


@pytest.mark.parametrize(
    ("settings", "terms"),
    [
        (["reconstruction.weight=10"], [("l1", 10)]),
        (["reconstruction.l1.weight=10"], [("l1", 10)]),
        (["reconstruction=mse"], [("mse", 1)]),
        (['reconstruction=["l1", "mse"]', "reconstruction.mse.weight=5"], [("l1", 100), ("mse", 5)]),
        (['reconstruction={name="mse", weight=3}'], [("mse", 3)]),
        (["reconstruction=[]"], []),
    ],
)
def test_the_terms_of_a_slot_are_set_by_name_and_weight(
    catalog: Catalog, settings: list[str], terms: Sequence[tuple[str, float]]
) -> None:
    assert [(c.name, c.weight) for c in run(catalog, *settings).parts["reconstruction"]] == terms


def test_a_weight_of_two_terms_must_say_which(catalog: Catalog) -> None:
    told = refused(catalog, 'reconstruction=["l1", "mse"]', "reconstruction.weight=5")
    assert told == "--set reconstruction.weight: reconstruction has no 'weight'; it holds l1, mse"


def test_epochs_and_steps_replace_each_other_across_layers() -> None:
    catalog = given_by_others(dataset(train__steps=70))
    by_steps = run(catalog, dataset="own")
    assert (by_steps.train.epochs, by_steps.train.steps) == (None, 70)
    assert run(catalog, dataset="own", epochs="none").train.steps == 70
    by_epochs = run(catalog, dataset="own", epochs="3")
    assert (by_epochs.train.epochs, by_epochs.train.steps) == (3, None)
    assert origins(by_epochs)["train.steps"] == (None, "flag")
    assert run(catalog, dataset="folder").train.epochs == 200


@pytest.mark.parametrize(
    ("settings", "flags", "fault"),
    [
        ((), {"epochs": "1", "steps": "2"}, "--epochs and --steps: give epochs or steps, not both"),
        (("train.steps=1",), {"epochs": "1"}, "--set train.steps and --epochs: give epochs or steps, not both"),
        (("train.steps=none",), {}, "neither train.epochs nor train.steps is set"),
    ],
)
def test_one_layer_gives_epochs_or_steps(
    catalog: Catalog, settings: tuple[str, ...], flags: dict[str, str], fault: str
) -> None:
    assert refused(catalog, *settings, **flags) == fault


def test_the_optimizers_key_reaches_every_group_and_a_groups_own_key_only_its_own(catalog: Catalog) -> None:
    config = run(catalog, "train.optimizer.generator.lr=0.5", "train.optimizer.lr=0.25")
    assert {g: o.lr for g, o in config.optimizers.items()} == {"generator": 0.5, "discriminator": 0.25}
    assert {o.betas for o in config.optimizers.values()} == {(0.5, 0.999)}
    assert {o.lr for o in run(catalog, lr="0.125").optimizers.values()} == {0.125}


def test_the_dataset_flag_goes_before_a_files(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('dataset = "maps"\n')
    config = run(catalog, file=tmp_path / "c.toml", dataset="facades")
    assert (config.dataset.name, config.direction) == ("facades", "BtoA")
    assert run(catalog, file=tmp_path / "c.toml").direction == "AtoB"


def test_a_recipe_of_another_gives_the_difference_only() -> None:
    wgan = Recipe(name="own", summary="", base="pix2pix", losses={"reconstruction": [WeightedRef("mse", weight=7.0)]})
    config = run(given_by_others(wgan), recipe="own")
    assert [(c.name, c.weight) for c in config.parts["reconstruction"]] == [("mse", 7)]
    assert config.method.name == "conditional-gan"
    assert config.recipe == "own"


def test_the_toy_set_is_taken_where_nothing_is_said(catalog: Catalog) -> None:
    assert resolve(catalog, "pix2pix").dataset.name == "toy"
