import numpy as np
import torch
from torch import nn
from torch.nn import functional

from imtrans.interfaces import DataSpec, DiscriminatorOutput, ImageSpec, Pair
from imtrans.kit.bases import BaseDataset


def multiscale(*, scales, each, context):
    return Multiscale([context.make("discriminator", each) for _ in range(scales)])


class Multiscale(nn.Module):
    def __init__(self, judges):
        super().__init__()
        self.judges = nn.ModuleList(judges)

    def forward(self, source, image):
        logits, features = [], []
        for judge in self.judges:
            output = judge(source, image)
            logits += output.logits
            features += output.features
            source, image = functional.avg_pool2d(source, 2), functional.avg_pool2d(image, 2)
        return DiscriminatorOutput(logits=logits, features=features)


class FeatureMatching:
    needs_real = True

    def discriminator_loss(self, on_real, on_fake):
        return torch.zeros(())

    def generator_loss(self, on_fake, on_real=None):
        pairs = [p for a, b in zip(on_fake.features, on_real.features, strict=True) for p in zip(a, b, strict=True)]
        return torch.stack([functional.l1_loss(a, b.detach()) for a, b in pairs]).mean()


class Labels(BaseDataset):
    data_spec = DataSpec(source=ImageSpec(kind="labels", channels=1, classes=5))

    def __init__(self, *, context):
        pass

    def __len__(self):
        return 4

    def __getitem__(self, index):
        cells = np.random.default_rng(index).integers(0, 5, (8, 8, 1), dtype=np.uint8)
        labels = cells.repeat(6, 0).repeat(6, 1)  # 48 pixels: the loader must resize them without mixing classes
        return Pair(source=labels, target=np.repeat(labels * 60, 3, axis=-1), key=f"labels-{index}")
