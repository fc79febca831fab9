"""The network that finds shifts, and what they do to a picture."""

import itertools

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate, pad

from imtrans.interfaces import Context
from imtrans.kit.training.precision import full_precision


class FlowUNet(nn.Module):
    """A small U-Net: two pictures of one size, joined as (B, 2C, H, W), to shifts in pixels, (B, 2, H, W).

    The shift of a pixel, down and right, leads from its place in the second picture to that in the first. At the
    beginning all shifts are 0. Any size: sides are mirrored up to a multiple of 2 ** depth.
    """

    def __init__(self, *, channels: int, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        self.depth, widths = depth, [width, *[2 * width] * depth]
        self.first = _block(2 * channels, width)
        self.down = nn.ModuleList(_block(a, b, stride=2) for a, b in itertools.pairwise(widths))
        # From the coarsest stage up, each joined with the output of its size on the way down.
        steps = [*zip(widths[:0:-1], widths[-2::-1], strict=True)]
        self.up = nn.ModuleList(_block(below + beside, beside) for below, beside in steps)
        self.last = nn.Conv2d(width, 2, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, pictures: Tensor) -> Tensor:
        """Shifts in pixels."""
        height, width = pictures.shape[2:]
        bottom, right = (-side % 2**self.depth for side in (height, width))
        maps = [self.first(pad(pictures, (0, right, 0, bottom), mode="replicate"))]
        for stage in self.down:
            maps.append(stage(maps[-1]))
        x = maps.pop()
        for stage in self.up:
            x = stage(torch.cat([interpolate(x, scale_factor=2.0, mode="nearest"), maps.pop()], 1))
        shifts: Tensor = self.last(x)[:, :, :height, :width]
        return shifts


def flow_unet(*, width: int, depth: int, context: Context) -> FlowUNet:
    """The network for two pictures of the target's channels."""
    return FlowUNet(channels=context.data_spec.target.num_channels, width=width, depth=depth)


def warped(picture: Tensor, shifts: Tensor) -> Tensor:
    """The picture (B, C, H, W) with each pixel taken from where its shift (B, 2, H, W) leads, in pixels down and right.

    Between pixels cubic: a bilinear mean blurs, and the generator would learn to sharpen against it. Places outside are
    those of the border. In float32, whatever the precision of the run.
    """
    with full_precision(picture.device.type):
        picture, shifts = picture.float(), shifts.float()
        height, width = picture.shape[2:]
        rows = torch.arange(height, device=picture.device)[:, None] + shifts[:, 0]
        columns = torch.arange(width, device=picture.device) + shifts[:, 1]
        # grid_sample wants -1 and 1 at the centres of the outermost pixels, the column first.
        sides = [2 * places / max(size - 1, 1) - 1 for places, size in ((columns, width), (rows, height))]
        grid = torch.stack(sides, 3)
        return grid_sample(picture, grid, mode="bicubic", padding_mode="border", align_corners=True)


def roughness(shifts: Tensor) -> Tensor:
    """The mean squared step of the shifts from one row to the next, and the same of columns: their sum, a scalar."""
    return shifts.diff(dim=2).square().mean() + shifts.diff(dim=3).square().mean()


def _block(inward: int, outward: int, *, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inward, outward, 3, stride=stride, padding=1), nn.LeakyReLU(0.2))
