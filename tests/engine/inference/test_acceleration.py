"""Models in bfloat16 and with folded norms give the pictures that they gave before."""

import numpy as np
import pytest
import torch
from factories import job
from torch import nn
from torch.nn.modules.conv import _ConvNd

from imtrans.engine.fast_layers import forms
from imtrans.engine.fast_layers.folding import batch_norms
from imtrans.engine.inference.translator import Translator
from imtrans.engine.speedups import has_bf16
from imtrans.errors import ConfigError, ImtransWarning

RUNNING = {"inference.norm": "running", "inference.dropout": "false"}
OWN = {"inference.norm": "batch", "inference.dropout": "false"}
needs_bf16 = pytest.mark.skipif(not has_bf16(torch.device("cpu")), reason="this processor has no bfloat16")


def translator_of(folder, settings):
    """A model with statistics, as of a training, that fit what its layers see."""
    model = job(folder / "run", settings).model
    generator = model.networks["generator"]
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)) * 0.05)
        generator.train()
        for _ in range(40):
            generator(torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1)
        for average in model.averages.values():
            for averaged, parameter in zip(average.module.parameters(), generator.parameters(), strict=True):
                averaged.copy_(1.2 * parameter)
    return Translator(model)


def pictures(count=3, size=(40, 48)):
    random = np.random.default_rng(0)
    return [(random.integers(0, 256, (*size, 3)) * (i + 1) / count).astype(np.uint8) for i in range(count)]


@needs_bf16
@pytest.mark.parametrize("policy", [RUNNING, OWN, {"generator.norm": "instance"}, {**RUNNING, "train.ema": "0.9"}])
def test_bf16_gives_the_same_pictures_within_some_levels(tmp_path, policy):
    translator = translator_of(tmp_path, policy)
    before = [translator.run(each, seed=1).astype(int) for each in pictures()]
    assert translator.bfloat16() is translator
    assert translator.precision == "bf16"
    after = [translator.run(each, seed=1) for each in pictures()]
    for one, other in zip(before, after, strict=True):
        assert other.dtype == np.uint8
        assert one.std() > 2
        assert np.abs(one - other).mean() < 1
        assert 0 < np.abs(one - other).max() <= 12
    together = translator.run_batch(pictures(), seed=1)
    assert translator._is_batched is True
    assert all(np.abs(a.astype(int) - b).max() <= 3 for a, b in zip(together, after, strict=True))


@pytest.mark.parametrize("precision", ["float32", pytest.param("bf16", marks=needs_bf16)])
def test_weights_are_packed_once_but_for_the_layer_of_few_channels(tmp_path, monkeypatch, precision):
    translator = translator_of(tmp_path, {**RUNNING, "generator.upsampling": "transposed"})
    translator.accelerated(precision, is_fast=False)
    products = []
    for name in ("doubling_one_by_one", "doubling_by_phases"):
        form = getattr(forms, name)
        monkeypatch.setattr(forms, name, lambda layer, x, form=form: products.append(layer) or form(layer, x))
    first = translator.run(pictures(size=(64, 64))[0])
    packed = {layer: made.weight for layer, made in translator._packed._made.items()}
    convolutions = [m for m in translator.model.networks["generator"].modules() if isinstance(m, _ConvNd)]
    assert {*convolutions} == {*packed, *products}
    assert [layer.out_channels for layer in products] == [4]
    assert (translator.run(pictures(size=(64, 64))[0]) == first).all()
    assert all(translator._packed._made[layer].weight is made for layer, made in packed.items())


def test_a_processor_without_bf16_is_refused(tmp_path, monkeypatch):
    translator = translator_of(tmp_path, RUNNING)
    for instructions in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, instructions, lambda: False)
    with pytest.raises(ConfigError, match="precision bf16: this cpu has no instructions for it"):
        translator.bfloat16()
    assert translator.precision == "float32"


@pytest.mark.parametrize("ema", ["0", "0.9"])
def test_folded_norms_give_the_same_pictures(tmp_path, ema):
    translator = translator_of(tmp_path, {**RUNNING, "train.ema": ema})
    before = [translator.run(each) for each in pictures()]
    generator = translator.model.networks["generator"]
    count = len(batch_norms([generator]))
    assert translator.fold_norms() == count > 2
    assert batch_norms([generator]) == []
    for one, other in zip(before, translator.run_batch(pictures()), strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1  # rounding
        assert (one != other).mean() < 0.01


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (OWN, "each picture's own statistics by the inference policy"),
        ({"generator.norm": "instance"}, "nothing is folded"),
    ],
)
def test_what_cannot_be_folded_is_told_and_left(tmp_path, settings, why):
    translator = translator_of(tmp_path, settings)
    before = translator.run(pictures()[0])
    with pytest.warns(ImtransWarning, match=why):
        assert translator.fold_norms() == 0
    assert np.array_equal(translator.run(pictures()[0]), before)


@pytest.mark.slow
@needs_bf16
def test_both_go_together_also_in_tiles(tmp_path):
    from imtrans.engine.inference.large.footprint import TileLimits

    translator = translator_of(tmp_path, RUNNING)
    picture = pictures(size=(256, 256))[0]
    before = translator.run(picture).astype(int)
    translator.fold_norms()
    translator.bfloat16()
    generator = translator.model.networks["generator"]
    assert {layer.weight.dtype for layer in generator.modules() if isinstance(layer, nn.Conv2d)} == {torch.bfloat16}
    tiled = translator.run(picture, limits=TileLimits(tile=192))
    assert np.abs(before - tiled).mean() < 1
    assert np.abs(before - tiled).max() <= 12
