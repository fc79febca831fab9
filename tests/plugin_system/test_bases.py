"""Base classes for plugin authors, and wrappers of data sets that lose nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from imtrans.config.schema import ResolvedComponent
from imtrans.engine.data.skipped_samples import Usable
from imtrans.engine.data.source import MEMBERS, DatasetSource, Reversed
from imtrans.errors import PluginError
from imtrans.interfaces import Dataset, DatasetDescription, DataSpec, ImageSpec, Issue, Pair
from imtrans.kit.bases import BaseAugmentation, BaseDataset, BaseMethod, BaseMetric, DatasetWrapper
from imtrans.plugins.component import Component, DatasetInfo
from imtrans.plugins.options import default_record
from imtrans_pix2pix.method import ConditionalGAN

MEMBERS_OF_PROTOCOL = {n for n in vars(Dataset) if not n.startswith("_")} | {"data_spec", "__len__", "__getitem__"}


class Everything(BaseDataset):
    """A data set that overrides every member of the protocol."""

    data_spec = DataSpec(source=ImageSpec(channels=1))
    description = DatasetDescription(
        layout="a layout",
        sides=("left", "right"),
        splits=lambda: {"train": "3"},
        notes=["a note"],
        issues=[Issue(code="lost", what="x is lost"), Issue(code="odd", what="y is odd", is_fault=False)],
    )

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return Pair(source=np.full((2, 2, 1), index), target=np.full((2, 2, 3), 10 + index), key=str(index))

    is_drawn = True
    depends_on_size = False

    def drawn(self, index, number):
        return f"sample {index} by {number}"

    def key(self, index):
        return f"sample-{index}"

    def files(self, index):
        return [Path(f"{index}.png")]

    def stamp(self, index):
        return f"store/{index}"

    def labels(self, index):
        return Path(f"labels-{index}.png")

    def check(self, index, pair):
        return [Issue(code=f"sample-{index}", what=f"source has {pair.source.shape[-1]} channels")]

    def collate(self, pairs):
        return Pair(source=np.stack([p.source for p in pairs]), target=np.stack([p.target for p in pairs]), key="")


OPTIONAL = {"depends_on_size"}  # what a data set may leave out


def test_the_bases_cover_the_protocol():
    assert MEMBERS_OF_PROTOCOL - {"data_spec", "__len__", "__getitem__"} | OPTIONAL == {
        n for n in vars(BaseDataset) if not n.startswith("_")
    }
    assert set(MEMBERS) == MEMBERS_OF_PROTOCOL - {"__len__", "__getitem__"}


@pytest.mark.parametrize("wrapper", [DatasetWrapper, lambda d: Usable(d, [])], ids=["DatasetWrapper", "Usable"])
def test_a_wrapper_gives_every_member_of_what_it_wraps(wrapper):
    inner = Everything()
    outer, plain = wrapper(inner), BaseDataset()
    calls = {
        "key": (1,),
        "files": (1,),
        "stamp": (1,),
        "labels": (1,),
        "drawn": (1, 7),
        "check": (1, inner[1]),
        "collate": ([inner[0], inner[1]],),
    }
    for name in sorted(MEMBERS_OF_PROTOCOL - {"__len__", "__getitem__", "description"} | OPTIONAL):
        ours, theirs = (getattr(d, name) for d in (outer, inner))
        ours, theirs = (f(*calls[name]) if name in calls else f for f in (ours, theirs))
        assert str(ours) == str(theirs) != str(getattr(plain, name, None)), name
    for name in ("layout", "sides", "splits", "issues"):
        assert getattr(outer.description, name) == getattr(inner.description, name)
    assert "a note" in outer.description.notes
    assert (len(outer), outer[2].key) == (3, "2")


def test_a_subset_renumbers_every_member_that_takes_a_number():
    rest = Usable(Everything(), [1])
    assert (len(rest), rest[1].key, rest.files(1), rest.labels(1)) == (2, "2", [Path("2.png")], Path("labels-2.png"))
    assert [issue.code for issue in rest.check(1, rest[1])] == ["sample-2"]
    assert rest.description.notes[-1] == "2 of 4 samples are left out (skipped.jsonl)"


def test_a_reversed_data_set_exchanges_both_sides_everywhere():
    inner = Everything()
    outer = Reversed(inner)
    assert outer.data_spec == inner.data_spec.reversed()
    assert outer.description.sides == ("right", "left")
    assert (outer.description.layout, outer.description.notes) == ("a layout", ["a note"])
    assert (outer[1].source.shape[-1], outer[1].target.shape[-1]) == (3, 1)
    assert [issue.what for issue in outer.check(1, outer[1])] == ["source has 1 channels"]
    stacked = outer.collate([outer[0], outer[1]])
    assert (stacked.source.shape, stacked.target.shape) == ((2, 2, 2, 3), (2, 2, 2, 1))
    assert (outer.files(1), outer.labels(1)) == (inner.files(1), inner.labels(1))
    assert Reversed(type("Plain", (BaseDataset,), {"data_spec": DataSpec()})()).collate is None


class Incomplete:
    """A data set that derives from nothing."""

    data_spec = DataSpec()


def test_a_data_set_without_a_member_is_refused_with_what_to_do():
    component = Component(
        kind="dataset", name="theirs", target=f"{__name__}:Incomplete", summary="", info=DatasetInfo()
    )
    resolved = ResolvedComponent(component=component, name="theirs", options=default_record(component.options))
    with pytest.raises(PluginError, match=r"data set 'theirs': .*:Incomplete has no 'description'") as caught:
        DatasetSource(resolved=resolved, split="train").dataset  # noqa: B018
    assert caught.value.hint == "Derive it from imtrans.kit.bases.BaseDataset."


def test_the_other_bases_are_neutral():
    metric = type("Mean", (BaseMetric,), {"names": ("error", "share")})()
    assert metric.aggregate(torch.tensor([[1.0, 0.0], [2.0, 1.0]])) == {"error": 1.5, "share": 0.5}
    one = type("One", (BaseMetric,), {"names": ("error",)})()
    assert one.aggregate(torch.tensor([1.0, 4.0])) == {"error": 2.5}
    assert BaseAugmentation().input_size((4, 6)) == (4, 6)
    method = BaseMethod()
    method.networks = {"a": nn.Identity(), "b": nn.Identity()}
    method.networks["a"].stride, method.networks["b"].stride = 4, 6
    assert (method.geometry.stride, method.state_dict()) == (12, {})
    assert issubclass(ConditionalGAN, BaseMethod)
