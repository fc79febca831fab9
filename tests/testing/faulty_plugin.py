"""A plugin file with many components, each with one fault that the check of its kind must find."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from imtrans import Component, ComponentRef, DatasetInfo, EvalProtocol, MetricInfo, Recipe, hookimpl
from imtrans.interfaces import DataSpec, ImageSpec, Pair
from imtrans.kit.bases import BaseAugmentation, BaseDataset, BaseMetric

CONTEXT = ("generator", "dataset")


@hookimpl
def imtrans_provide():
    for cls in Fault.__subclasses__():
        info = {
            "dataset": DatasetInfo(),
            "metric": MetricInfo(),
        }
        yield Component(
            kind=cls.kind,
            name=cls.name,
            target=f"faulty_plugin:{cls.__name__}",
            summary="faulty",
            info=info.get(cls.kind),
            needs_context=cls.kind in CONTEXT,
        )
    yield Recipe(name="no-such-generator", summary="x", base="pix2pix", networks={"generator": ComponentRef("nothing")})
    yield EvalProtocol(name="two-kinds", version=1, summary="x", metrics=[ComponentRef("iou"), ComponentRef("psnr")])


class Fault:
    """The base of all of them: `kind` and `name`."""

    kind = name = ""


class Generator(nn.Module):
    def __init__(self, *, context):
        super().__init__()
        spec = context.data_spec
        self.layer = nn.Conv2d(spec.source.num_channels, spec.target.num_channels, 3, padding=1)

    def forward(self, source):
        return self.layer(source).tanh()


class Unbounded(Generator, Fault):
    kind, name = "generator", "unbounded"

    def forward(self, source):
        return 3 + self.layer(source)


class Shrinking(Generator, Fault):
    kind, name = "generator", "shrinking"

    def forward(self, source):
        return super().forward(source)[..., 1:]


class Unused(Generator, Fault):
    kind, name = "generator", "unused"

    def __init__(self, *, context):
        super().__init__(context=context)
        self.other = nn.Linear(2, 2)


class Secret(Generator, Fault):
    """Random numbers that are no buffer."""

    kind, name = "generator", "secret"

    def __init__(self, *, context):
        super().__init__(context=context)
        self.scale = torch.rand(())

    def forward(self, source):
        return self.layer(source * self.scale).tanh()


class Even(Generator, Fault):
    kind, name = "generator", "even"

    def forward(self, source):
        return super().forward(nn.functional.pixel_unshuffle(source, 2).repeat(1, 1, 2, 2)[:, : source.shape[1]])


class Stuck(Generator, Fault):
    kind, name = "generator", "stuck"

    def forward(self, source):
        return (self.layer(source) * 1e-6).tanh()


class Rewarding(Fault):
    kind, name = "adversarial", "rewarding"

    def discriminator_loss(self, on_real, on_fake):
        return (on_real.logits[0] - on_fake.logits[0]).mean()

    def generator_loss(self, on_fake, on_real=None):
        return on_fake.logits[0].mean()


class WrongGradient(Fault):
    """Its gradient is twice as long as it should be."""

    kind, name = "loss", "wrong-gradient"

    def __call__(self, prediction, target):
        value = (prediction - target).square().mean()
        return 2 * value - value.detach()


class Summed(Fault):
    kind, name = "loss", "summed"

    def __call__(self, prediction, target):
        return (prediction - target).abs().sum()


class Drawn(BaseAugmentation, Fault):
    kind, name = "augmentation", "drawn"

    def __call__(self, batch):
        return replace(batch, source=(batch.source + torch.rand(()) / 9).clamp(-1, 1))


class Shared(BaseAugmentation, Fault):
    """The draw of the first sample decides for all."""

    kind, name = "augmentation", "shared"

    def __call__(self, batch):
        return replace(batch, source=batch.source * (int(batch.draws[0]) % 7 / 7))


class Sides(BaseAugmentation, Fault):
    kind, name = "augmentation", "sides"
    is_geometric = True

    def __call__(self, batch):
        return replace(batch, source=batch.source.flip(-1))


class Reversed(BaseMetric, Fault):
    """Similarity, declared as a distance."""

    kind, name = "metric", "reversed"
    names = ("reversed",)

    def compute(self, prediction, batch):
        return -(prediction - batch.target).abs().flatten(1).mean(1)


class Together(BaseMetric, Fault):
    kind, name = "metric", "together"
    names = ("together",)

    def compute(self, prediction, batch):
        error = (prediction - batch.target).abs()
        return error.flatten(1).mean(1) / error.max()


class Data(BaseDataset):
    data_spec = DataSpec()

    def __init__(self, *, context):
        self.split = context.split

    def __len__(self):
        return 3

    def __getitem__(self, index):
        picture = np.full((8, 8, 3), index, np.uint8)
        return Pair(source=picture, target=picture, key=self.key(index))


class Talkative(Data, Fault):
    kind, name = "dataset", "talkative"

    def check(self, index, pair):
        return ["too dark"]


class Alike(Data, Fault):
    kind, name = "dataset", "alike"

    def key(self, index):
        return "the same"


class Vectors(Data, Fault):
    kind, name = "dataset", "vectors"
    data_spec = DataSpec(extras={"mood": ImageSpec(kind="data", channels=4)})

    def __getitem__(self, index):
        return replace(super().__getitem__(index), extras={"mood": np.zeros(4, np.float32)})


class Undeclared(Data, Fault):
    kind, name = "dataset", "undeclared"

    def __getitem__(self, index):
        return replace(super().__getitem__(index), extras={"depth": np.zeros((8, 8, 1), np.float32)})


class Bright(Data, Fault):
    kind, name = "dataset", "bright"
    data_spec = DataSpec(target=ImageSpec(high=1))


class Moody(Data, Fault):
    kind, name = "dataset", "moody"

    def __getitem__(self, index):
        noise = np.random.default_rng().integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return replace(super().__getitem__(index), source=noise)


class Trained(Data, Fault):
    """Validation pictures that are trained on."""

    kind, name = "dataset", "trained"

    def files(self, index):
        return [Path(__file__)]


class Littering(Fault):
    kind, name = "observer", "littering"

    @hookimpl
    def imtrans_run_started(self, run):
        Path("notes.txt").write_text(os.name)


class Drawing(Fault):
    kind, name = "observer", "drawing"

    @hookimpl
    def imtrans_logged(self):
        torch.rand(1)


class Deaf(Fault):
    kind, name = "observer", "deaf"


class Polite(Fault):
    """Says that it knows everything."""

    kind, name = "importer", "polite"

    def __call__(self, files):
        return "yes"


class Bent(nn.Module, Fault):
    kind, name = "activation", "bent"

    def forward(self, x):
        return x + (x * 0.1).detach()
