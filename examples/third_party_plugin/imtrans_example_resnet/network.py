"""The network: plain torch."""

from torch import nn

from imtrans.kit.nn import norm


def build(*, width, blocks, context):
    spec = context.data_spec
    return Resnet(spec.source.num_channels, spec.target.num_channels, width=width, blocks=blocks)


class Resnet(nn.Module):
    """(B, source, H, W) to (B, target, H, W) in (-1, 1), for any size."""

    def __init__(self, source, target, *, width, blocks):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(source, width, 7, padding=3), nn.ReLU())
        self.blocks = nn.ModuleList(_block(width) for _ in range(blocks))
        self.last = nn.Sequential(nn.Conv2d(width, target, 7, padding=3), nn.Tanh())

    def forward(self, source):
        x = self.first(source)
        for block in self.blocks:
            x = x + block(x)
        return self.last(x)


def _block(width):
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1), norm("batch", width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
    )
