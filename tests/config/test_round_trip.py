"""What a run keeps of its configuration gives the same configuration again."""

from pathlib import Path

import pytest
from config_factory import BUILT_IN, PLAIN, dataset, given_by_others, run
from hypothesis import given, settings
from hypothesis import strategies as st

from imtrans.config import io as config_io
from imtrans.config.resolve import restore
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.recipe import Recipe

SETTINGS = {
    "generator": ["unet64", "encoder-decoder"],
    "generator.encoder_activation": ["mish", '{name="leaky-relu", slope=0.3}', '["mish", "relu"]'],
    "generator.dropout_blocks": ["[]", "[1]", "2"],
    "discriminator": ["pixelgan", "patchgan16"],
    "discriminator.padding": ["reflect", '["zero", "same"]'],
    "adversarial": ["hinge", "lsgan"],
    "adversarial.weight": ["0", "2"],
    "reconstruction": ["[]", "mse", '["l1", "mse"]'],
    "augment": ["[]", "kornia-color", '["kornia-flip", "kornia-color"]'],
    "metrics": ["[]", "ssim"],
    "dataset": ["folder", "maps", '{name="folder", path="a \\" # b"}'],
    "data.size": ["64", "[64, 128]", "[]"],
    "data.interpolation": ["none", "area"],
    "train.steps": ["7"],
    "train.sample_every": ["none", "3"],
    "train.optimizer.lr": ["1e-8", "1"],
    "train.optimizer.generator.betas": ["[0.9, 0.99]"],
    "inference.dropout": ["true", "false"],
}


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in SETTINGS.items()}))
@pytest.mark.slow
def test_what_a_run_keeps_of_its_configuration_gives_it_again(chosen: dict[str, str]) -> None:
    catalog = Catalog(BUILT_IN)
    config = run(catalog, *(f"{k}={v}" for k, v in chosen.items()))
    assert restore(catalog, config.tree(), origin="x").tree() == config.tree()


@pytest.mark.slow
@pytest.mark.parametrize(("key", "value"), [(k, v) for k, several in SETTINGS.items() for v in several])
def test_a_written_configuration_gives_the_same_run(catalog: Catalog, tmp_path: Path, key: str, value: str) -> None:
    config = run(catalog, f"{key}={value}")
    file = tmp_path / "config.toml"
    file.write_text(config_io.write(config))
    again = run(catalog, file=file)
    assert again.tree() == config.tree()
    assert config_io.read(file) == config.tree()


def test_a_value_taken_back_to_none_stays_none(tmp_path: Path) -> None:
    catalog = given_by_others(
        PLAIN,
        dataset(train__save_every=3, generator__limit=4),
        Recipe(name="own", summary="", base="pix2pix", data={"direction": "BtoA"}),
    )
    undone = ("data.direction=none", "train.save_every=none", "generator.limit=none", "generator=plain")
    config = run(catalog, *undone, recipe="own", dataset="own")
    assert (config.data.direction, config.train.save_every) == (None, None)
    (tmp_path / "c.toml").write_text(config_io.write(config))
    for again in (restore(catalog, config.tree(), origin="x"), run(catalog, recipe="own", file=tmp_path / "c.toml")):
        assert (again.data.direction, again.train.save_every) == (None, None)
        assert again.parts["generator"][0].options.limit is None
