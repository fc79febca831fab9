import numpy as np
import torch
from torch import nn

from imtrans.interfaces import DataSpec, DiscriminatorOutput, ImageSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans.kit.nn import norm

HOUNSFIELD = ImageSpec(kind="data", channels=1, low=-1000, high=1000, bits=32)


class Volumes(BaseDataset):
    data_spec = DataSpec(source=HOUNSFIELD, target=HOUNSFIELD)

    def __init__(self, *, context):
        self.collated = 0

    def __len__(self):
        return 4

    def __getitem__(self, index):
        cube = np.random.default_rng(index).uniform(-1000, 1000, (8, 8, 8, 1)).astype(np.float32)
        return Pair(source=cube, target=-cube, key=f"volume-{index}")

    def collate(self, pairs):
        self.collated += 1
        return Pair(source=np.stack([p.source for p in pairs]), target=np.stack([p.target for p in pairs]), key="")


def generator(*, context):
    return Cubes(context.data_spec.source.num_channels, context.data_spec.target.num_channels)


class Cubes(nn.Module):
    stride = 2

    def __init__(self, source, target):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(source, 4, 4, stride=2, padding=1),
            norm("batch", 4),
            nn.ReLU(),
            nn.ConvTranspose3d(4, target, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, source):
        return self.layers(source)


class Patch(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv3d(2, 1, 4)

    def forward(self, source, image):
        return DiscriminatorOutput(logits=[self.layer(torch.cat([source, image], dim=1))])
