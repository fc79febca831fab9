"""Every component works with the channels that data really have, or refuses them before the first step, by name."""

import numpy as np
import pytest
import tifffile
import torch
from factories import config, job, plugins
from PIL import Image

from imtrans.engine.build import ComponentFactory
from imtrans.engine.data.loader import Samples, prepare
from imtrans.engine.data.pair_loader import open_training
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.evaluation.eval_samples import metric_spec
from imtrans.engine.inference.translator import Translator
from imtrans.engine.training import trainer
from imtrans.errors import ImtransError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef

SIZE = 40


def grey(seed, channels, dtype):
    values = np.random.default_rng(seed).random((SIZE, SIZE, channels))
    return values.astype(dtype) if dtype == np.float32 else (values * np.iinfo(dtype).max).astype(dtype)


def labels(seed, classes):
    return np.random.default_rng(seed).integers(0, classes, (SIZE, SIZE), np.uint8)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    more = {"planarconfig": "contig"} if array.ndim == 3 and array.shape[-1] > 1 else {}
    tifffile.imwrite(path, array.squeeze(), photometric="rgb" if array.shape[-1] == 3 else "minisblack", **more)


KINDS = {
    **{f"{n} channels": (n, np.uint8) for n in (1, 2, 3, 4, 5, 200)},
    **{f"{n} channels of 16 bits": (n, np.uint16) for n in (1, 3)},
    **{f"{n} channels of floats": (n, np.float32) for n in (1, 3, 5)},
    **{f"{n} classes": (n, None) for n in (2, 3, 12)},
}


@pytest.fixture(params=KINDS)
def data(request, tmp_path):
    """Data of one kind on both sides."""
    count, dtype = KINDS[request.param]
    for i in range(4):
        for side, seed in (("A", i), ("B", 100 + i)):
            path = tmp_path / "x" / ("train" if i < 3 else "val") / side / f"{i}"
            if dtype is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(labels(seed, count)).save(path.with_suffix(".png"))
            else:
                save(path.with_suffix(".tif"), grey(seed, count, dtype))
    options = {"labels": "both", "classes": count} if dtype is None else {}
    return ComponentRef("folder", {"path": str(tmp_path / "x"), **options})


def batch_of(chosen):
    training = open_training(chosen, ComponentFactory(Catalog(plugins().records)))
    samples = Samples(training.loader)
    stored = samples.received(samples.collate([samples[SampleIndex(0, i)] for i in range(2)]))
    return training, stored


@pytest.mark.slow
def test_a_run_trains_is_evaluated_saved_and_translates(data, tmp_path):
    made = job(tmp_path / "run", {"train.steps": "1", "train.num_samples": "1"}, dataset=data)
    assert trainer.fit(made).step == 1
    translator, spec = Translator(made.model), made.model.data_spec
    source = next((tmp_path / "x" / "val" / "A").iterdir())
    assert translator.translate(source, size="native").shape == (SIZE, SIZE, spec.target.channels)


@pytest.mark.slow
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "area", "lanczos"])
def test_every_filter_resizes_every_kind(interpolation, data):
    chosen = config({"data.interpolation": interpolation}, dataset=data)
    _, stored = batch_of(chosen)
    expected = 36  # 32 times the jitter's scale
    assert stored.source.shape[1:3] == stored.target.shape[1:3] == (expected, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(e.name for e in Catalog(plugins().records).entries("augmentation")))
def test_every_augmentation_works_or_is_refused_when_it_is_built(name, data):
    chosen = config({"augment": f'["{name}"]'}, dataset=data)
    try:
        training, stored = batch_of(chosen)
    except ImtransError as error:
        refusal = error
    else:
        refusal = None
    if refusal:
        assert name in refusal.what
        return
    batch = prepare(stored, training.plain.data_spec, torch.device("cpu"), training.augment)
    assert batch.source.shape == (2, training.plain.data_spec.source.num_channels, 32, 32)
    assert torch.isfinite(batch.source).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["loss", "metric"])
def test_every_loss_and_metric_works_or_is_refused_when_it_is_built(kind, data):
    catalog = Catalog(plugins().records)
    training, stored = batch_of(config(dataset=data))
    data_spec = metric_spec(training.plain.data_spec)
    batch = prepare(stored, data_spec, torch.device("cpu"), training.augment)
    torch.manual_seed(0)
    prediction = torch.rand_like(batch.target) * 2 - 1
    for entry in catalog.entries(kind):
        component = catalog.component(kind, entry.name)
        if getattr(component.info, "is_set_level", False):  # networks for photographs, whose channels they check
            continue
        if set(getattr(component.info, "needs", ())) - batch.extras.keys():  # the evaluator leaves such a metric out
            continue
        try:
            made = ComponentFactory(catalog).make(kind, ComponentRef(entry.name), data_spec=data_spec)
            if kind == "loss":
                assert made(prediction, batch.target).dim() == 0
            else:
                numbers = made.aggregate(made.compute(prediction, batch))
                assert all(isinstance(value, float) for value in numbers.values()), entry.name
        except ImtransError:  # a refusal in words; anything else fails the test
            continue


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["generator", "discriminator"])
@pytest.mark.parametrize("channels", [1, 5, 200])
def test_every_network_takes_every_number_of_channels(kind, channels):
    catalog = Catalog(plugins().records)
    spec = DataSpec(source=ImageSpec(channels=channels), target=ImageSpec(channels=2))
    for entry in catalog.entries(kind):
        component = catalog.component(kind, entry.name)
        known, axes = getattr(component.options, "__dataclass_fields__", {}), getattr(component.info, "axes", None)
        size = (48, 48, 48) if axes == 3 else (256, 256)
        source, target = torch.zeros(1, channels, *size), torch.zeros(1, 2, *size)
        ref = ComponentRef(entry.name, {"width": 2} if "width" in known else {})
        try:
            network = ComponentFactory(catalog).make(kind, ref, data_spec=spec, size=size)
        except ImtransError:  # a refusal in words; anything else fails the test
            continue
        with torch.no_grad():
            if kind == "generator":
                assert network(source).shape == target.shape, entry.name
            else:
                assert torch.isfinite(network(source, target).logits[0]).all(), entry.name
