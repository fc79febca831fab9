"""Pictures that come together get what each gets alone."""

import numpy as np
import pytest
import torch
from factories import job

from imtrans.engine.inference.batches import batch_size, in_batches
from imtrans.engine.inference.translator import Translator
from imtrans.interfaces import Geometry

POLICIES = {
    "statistics of the picture, dropout": {"inference.norm": "batch", "inference.dropout": "true"},
    "statistics of training": {"inference.norm": "running", "inference.dropout": "false"},
    "instance norm": {"generator.norm": "instance", "inference.dropout": "false"},
}


def translator_of(folder, settings):
    made = job(folder / "run", settings)
    with torch.no_grad():
        for parameter in made.model.networks["generator"].parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return Translator(made.model)


def pictures(count, size=(40, 48)):
    random = np.random.default_rng(0)
    # Each of another brightness: shared statistics would show.
    return [(random.integers(0, 256, (*size, 3)) * (i + 1) / count).astype(np.uint8) for i in range(count)]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_picture_in_a_batch_is_what_it_is_alone(tmp_path, policy):
    translator = translator_of(tmp_path, POLICIES[policy])
    given = pictures(3)
    alone = [translator.run(each, seed=5).astype(int) for each in given]
    together = translator.run_batch(given, seed=5)
    assert translator._is_batched is True
    for one, other in zip(alone, together, strict=True):
        assert one.std() > 2
        assert np.abs(one - other).max() <= 1  # rounding
        assert (one != other).mean() < 0.01


def test_a_model_that_treats_a_batch_otherwise_translates_one_by_one(tmp_path, monkeypatch):
    translator = translator_of(tmp_path, POLICIES["statistics of training"])
    plain = translator.model.method.translate

    def noisy(source, *, extras=None, seed=None):
        return plain(source + torch.randn(source.shape), extras=extras, seed=seed)

    monkeypatch.setattr(translator.model.method, "translate", noisy)
    given = pictures(3)
    together = translator.run_batch(given, seed=5)
    assert translator._is_batched is False
    assert all(np.array_equal(a, translator.run(b, seed=5)) for a, b in zip(together, given, strict=True))


def test_a_list_of_mixed_sizes_keeps_its_order(tmp_path):
    translator = translator_of(tmp_path, POLICIES["statistics of training"])
    given = [*pictures(3), *pictures(1, (24, 32)), *pictures(2)]
    results = translator.translate(given, size="native")
    assert [r.shape for r in results] == [p.shape for p in given]
    singles = [translator.translate(each, size="native").astype(int) for each in given]
    assert max(np.abs(a - b).max() for a, b in zip(results, singles, strict=True)) <= 1
    assert [len(batch) for batch in in_batches(given, Geometry(32))] == [3, 1, 2]


def test_a_batch_holds_as_many_pictures_as_four_of_256_pixels():
    assert batch_size((256, 256, 3), Geometry(256)) == 4
    assert batch_size((128, 128, 3), Geometry(32)) == 16
    assert batch_size((2000, 2000, 3), Geometry(32)) == 1
    assert batch_size((1, 1, 3), Geometry(256)) == 4  # padded to the stride
    assert batch_size((1, 1, 3), Geometry(1)) == 64
    assert batch_size((8, 64, 64, 3), Geometry(32)) == 1  # volumes go one by one
