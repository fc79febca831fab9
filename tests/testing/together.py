"""A plugin in one file: a generator, a loss, a data set, and recipes that use them; one loss forgets on a resume."""

from dataclasses import dataclass

import numpy as np
from torch import nn

from imtrans import Component, ComponentRef, DatasetInfo, Recipe, WeightedRef, hookimpl, option
from imtrans.interfaces import DataSpec, Pair
from imtrans.kit.bases import BaseDataset


@dataclass(frozen=True, kw_only=True)
class Width:
    width: int = option(4, "channels", low=1)


@hookimpl
def imtrans_provide():
    yield Component(
        kind="generator", name="mine", target="together:build", summary="x", options=Width, needs_context=True
    )
    for name in ("steady", "forgetful"):
        yield Component(kind="loss", name=name, target=f"together:{name.title()}", summary="x")
        yield Recipe(
            name=name,
            summary="all of this file",
            base="pix2pix",
            networks={"generator": ComponentRef("mine", {"width": 2}), "discriminator": ComponentRef("pixelgan")},
            losses={"reconstruction": WeightedRef(name, weight=10.0)},
            metrics=[ComponentRef("l1")],
            dataset=ComponentRef("stripes"),
        )
    yield Component(
        kind="dataset", name="stripes", target="together:Stripes", summary="x", info=DatasetInfo(), needs_context=True
    )


def build(*, width, context):
    spec = context.data_spec
    layers = nn.Conv2d(spec.source.num_channels, width, 3, padding=1), nn.ReLU()
    return nn.Sequential(*layers, nn.Conv2d(width, spec.target.num_channels, 3, padding=1), nn.Tanh())


class Steady:
    def __call__(self, prediction, target):
        return (prediction - target).abs().mean()


class Forgetful(Steady):
    def __init__(self):
        self.calls = 0

    def __call__(self, prediction, target):
        self.calls += 1
        return super().__call__(prediction, target) * self.calls


class Stripes(BaseDataset):
    data_spec = DataSpec()

    def __init__(self, *, context):
        self.split = context.split

    def __len__(self):
        return 6 if self.split == "train" else 2

    def key(self, index):
        return f"{self.split}-{index}"

    def __getitem__(self, index):
        picture = np.zeros((32, 32, 3), np.uint8)
        picture[index::8] = 200
        return Pair(source=picture, target=255 - picture, key=self.key(index))
