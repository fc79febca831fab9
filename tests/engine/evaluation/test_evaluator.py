"""What numbers mean: intervals, hashes, sizes, and protocols that may not change unnoticed."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import plugins

from imtrans import ComponentRef, EvalProtocol
from imtrans.engine.evaluation import protocol as protocols
from imtrans.engine.evaluation.bootstrap import bootstrap
from imtrans.engine.evaluation.eval_samples import resize_to, rounded
from imtrans.engine.evaluation.metric_options import changed_options
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import from_range, resize, to_range
from imtrans.plugins.catalog import Catalog

FROZEN = json.loads(Path(__file__).with_name("protocols.json").read_text())


def mean(rows):
    return {"mean": float(rows.double().mean())}


def test_an_interval_is_that_of_the_normal_distribution_for_a_mean_of_many():
    rows = torch.randn(400, generator=torch.Generator().manual_seed(1)) * 3 + 5
    found = bootstrap(rows, mean)["mean"]
    half = 1.96 * float(rows.std()) / math.sqrt(400)
    middle = float(rows.mean())
    assert found.low == pytest.approx(middle - half, abs=0.06)
    assert found.high == pytest.approx(middle + half, abs=0.06)
    assert bootstrap(rows, mean)["mean"] == found, "the same each time"


def test_an_interval_of_confusion_counts_draws_whole_pictures():
    """Nine pictures all right and one all wrong: drawing pictures, a share between 0.7 and 1; drawing pixels, 0.9."""
    rows = torch.tensor([[100, 0]] * 9 + [[0, 100]], dtype=torch.float64)
    found = bootstrap(rows, lambda r: {"share": float(r[:, 0].sum() / r.sum())})["share"]
    assert found == (0.7, 1.0)


def test_one_picture_and_numbers_that_sometimes_are_missing_have_no_interval():
    assert bootstrap(torch.ones(1), mean) == {}
    assert bootstrap(torch.tensor([0.0, 1.0]), lambda r: {"m": 1.0} if r.max() > 0 else {}) == {}


def test_the_filter_for_sizes_is_exact_where_it_can_be():
    picture = torch.arange(4.0).reshape(1, 1, 2, 2)
    assert torch.equal(resize_to(picture, (4, 4), "nearest"), picture.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert resize_to(picture, (1, 1), "area").item() == 1.5
    noise = torch.rand(1, 5, 30, 40)
    by_loader = resize(noise[0].movedim(0, -1).numpy(), (26, 26), "area")
    assert torch.equal(resize_to(noise, (26, 26), "area")[0], torch.from_numpy(by_loader).movedim(-1, 0))
    assert resize_to(picture, (2, 2), "bilinear") is picture
    stripes = torch.tensor([[0.0, 1.0] * 8]).expand(16, 16)[None, None]
    small = resize_to(stripes, (8, 8), "bilinear")
    assert small[..., 1:-1].sub(0.5).abs().max() < 0.01, "no aliasing: fine stripes become grey"


def test_labels_are_never_mixed():
    planes = torch.nn.functional.one_hot(torch.tensor([[0, 1], [2, 3]]), 4).movedim(-1, 0)[None].float()
    larger = resize_to(planes, (6, 6), "bilinear", spec=ImageSpec(kind="labels", classes=4, channels=1))
    assert set(larger.unique().tolist()) == {0, 1}


@pytest.mark.parametrize("spec", [ImageSpec(), ImageSpec(high=65535, bits=16, channels=1)])
def test_a_translation_counts_as_it_would_be_read_from_its_file(spec):
    image = torch.rand(1, spec.channels, 4, 4) * 2 - 1
    stored = torch.from_numpy(from_range(image[0], spec).astype(np.int32)).movedim(-1, 0)[None]
    assert torch.equal(rounded(image, spec), to_range(stored, spec))
    assert not torch.equal(rounded(image, spec), image)


def test_the_hash_is_of_what_decides_numbers_and_of_nothing_else():
    told = {"metrics": [{"name": "l1", "options": {}}], "size": [8, 8], "count": 2}
    assert protocols.fingerprint(told) == protocols.fingerprint(dict(reversed(told.items())))
    assert protocols.fingerprint(told) != protocols.fingerprint({**told, "count": 3})
    assert len(protocols.fingerprint(told)) == 12


def test_where_a_file_is_found_is_no_choice(catalog):
    one = EvalProtocol(name="p", version=1, metrics=[ComponentRef("fid")])
    fetching = dataclasses.replace(
        one, metrics=[ComponentRef("fid", {"fetch": True, "weights": Path("elsewhere.pth")})]
    )
    told = [protocols.declared(p, catalog)["metrics"] for p in (one, fetching)]
    assert told[0] == told[1] == [{"name": "fid", "options": {}}]


@pytest.mark.parametrize(
    ("use", "suffix"),
    [
        (ComponentRef("l1"), ""),
        (ComponentRef("ssim", {"window": 11}), ""),
        (ComponentRef("ssim", {"window": 7, "padding": "same"}), "[window=7]"),
        (ComponentRef("lab-histogram", {"bins": 10}), "[bins=10]"),
        (ComponentRef("kid", {"subsets": 5, "subset_size": 9, "fetch": True}), "[subsets=5,subset_size=9]"),
        (ComponentRef("label-colours", {"palette": Path("here/mine.csv")}), "[palette=mine.csv]"),
        (
            ComponentRef("segmentation", {"network": ComponentRef("fcn8s", {"height": 64})}),
            "[network=fcn8s(height=64)]",
        ),
    ],
)
def test_numbers_are_named_after_options_that_are_not_the_default(use, suffix, catalog):
    assert changed_options(use, catalog) == suffix


def shipped():
    return {o.name: o.thing for o in Catalog(plugins().records).entries("protocol")}


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_protocol_is_frozen(name):
    """A changed choice wants a new version, and then a new line in protocols.json: the old one stays as it is."""
    found = shipped()[name]
    told = protocols.fingerprint(protocols.declared(found, Catalog(plugins().records)))
    assert FROZEN.get(f"{name} v{found.version}") == told, f"{name} v{found.version} is {told}"


def test_every_choice_of_a_protocol_is_frozen():
    """Whatever is changed, the hash changes: but for summary and default_for, which decide no number."""
    catalog = Catalog(plugins().records)
    one = EvalProtocol(name="p", version=1, metrics=[ComponentRef("ssim")])
    changes = {
        "name": "q",
        "version": 2,
        "metrics": [ComponentRef("ssim", {"window": 7})],
        "optional": [ComponentRef("l1")],
        "size": (2, 2),
        "resize": "area",
        "split": "test",
        "inference": {"dropout": False},
        "has_upper_bound": True,
        "min_samples": 3,
    }
    assert {f.name for f in dataclasses.fields(EvalProtocol)} == changes.keys() | {"summary", "default_for"}
    hashes = {
        protocols.fingerprint(protocols.declared(dataclasses.replace(one, **{k: v}), catalog))
        for k, v in changes.items()
    }
    hashes.add(protocols.fingerprint(protocols.declared(one, catalog)))
    assert len(hashes) == len(changes) + 1
    other = dataclasses.replace(one, summary="other words", default_for=["labels"])
    assert protocols.fingerprint(protocols.declared(other, catalog)) in hashes
