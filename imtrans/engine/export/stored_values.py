"""What a network takes of stored values, and what is stored of its result: conversions as modules."""

import numpy as np
import torch
from torch import Tensor, nn

from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.kit.images.color import SRGB_TO_LINEAR, TO_XYZ, WHITE


def stored_dtype(spec: ImageSpec) -> torch.dtype:
    """The type of the values of a side: uint8, uint16, or float32; of class numbers the least that holds them."""
    if spec.kind == "labels":
        highest = max([*(spec.values or range(spec.classes or 1)), spec.void or 0])
        return torch.uint8 if highest < 2**8 else torch.uint16 if highest < 2**16 else torch.int32
    bits = 8 if spec.space else spec.bits
    return torch.uint8 if bits <= 8 else torch.uint16 if bits <= 16 else torch.float32


def stored_channels(spec: ImageSpec) -> int:
    """The channels of a side as stored: one of class numbers, three of a picture that is converted to another space."""
    return 1 if spec.kind == "labels" else 3 if spec.space else spec.channels


class ToNetwork(nn.Module):
    """Stored values (B, H, W, C) to what a network sees, (B, C, H, W) float32: in [-1, 1], or planes of classes.

    A number that stands for no class gives planes of 0, as a void pixel does.
    """

    linear: Tensor
    to_y: Tensor
    classes: Tensor

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__()
        self.spec = spec
        if spec.kind == "labels":
            numbers = list(spec.values) if spec.values else list(range(spec.classes or 1))
            self.register_buffer("classes", torch.tensor(numbers, dtype=torch.int32))
        if spec.space == "lab-l":
            self.register_buffer("linear", torch.from_numpy(SRGB_TO_LINEAR).float())
            self.register_buffer("to_y", torch.from_numpy(TO_XYZ[1] / WHITE[1]).float())

    def forward(self, picture: Tensor) -> Tensor:
        """The network's source."""
        if self.spec.kind == "labels":
            values = (picture.to(torch.int32) == self.classes).float()
        else:
            half = (self.spec.high - self.spec.low) / 2
            stored = self._in_space(picture)
            stored = _clipped(stored, self.spec) if self.spec.clips else stored
            values = (stored - self.spec.low) / half - 1
        # A view, in place of a copy, would make a program of torch.export refuse a batch of one picture.
        return values.movedim(-1, 1).clone(memory_format=torch.contiguous_format)

    def _in_space(self, picture: Tensor) -> Tensor:
        if self.spec.space == "lab-l":
            y = (self.linear[picture.to(torch.int64)] * self.to_y).sum(-1, keepdim=True)
            f = torch.where(y > 0.008856, y.clamp(min=0.008856).pow(1 / 3), 7.787 * y + 16 / 116)
            return 116 * f - 16
        stored = picture.float()
        if self.spec.space == "grey":  # in whole numbers of 2 ** -15, as OpenCV computes it; float32 holds them exactly
            red, green, blue = stored.unbind(-1)
            grey = ((9798 * red + 19235 * green + 3735 * blue + 16384) / 32768).floor()
            return torch.stack([grey, grey, grey], -1)
        return stored


class FromNetwork(nn.Module):
    """A network's result (B, C, H, W) to stored values (B, H, W, C), rounded and clipped as `imtrans translate` does.

    `source`, what the network saw, gives the lightness to a result of colours alone.
    """

    to_rgb: Tensor
    classes: Tensor

    def __init__(self, data_spec: DataSpec) -> None:
        super().__init__()
        self.data_spec = data_spec
        target = data_spec.target
        if target.kind == "labels":
            numbers = list(target.values) if target.values else list(range(target.classes or 1))
            self.register_buffer("classes", torch.tensor(numbers, dtype=torch.int64))
        self.is_lab = (data_spec.source.space, target.space) == ("lab-l", "lab-ab")
        if self.is_lab:
            # Of X, Y and Z as shares of the white, so that one matrix does both steps of `join_lab`.
            self.register_buffer("to_rgb", torch.from_numpy((np.linalg.inv(TO_XYZ) * WHITE).T.copy()).float())

    def forward(self, values: Tensor, source: Tensor) -> Tensor:
        """What is stored."""
        target = self.data_spec.target
        if target.kind == "labels":
            return self.classes[values.argmax(1)].unsqueeze(-1).to(stored_dtype(target))
        if self.is_lab:
            return self._joined(_scaled(source, self.data_spec.source), _scaled(values, target))
        if target.space:  # to look at, as three channels of 8 bits
            values = values if values.shape[1] == 3 else values[:, :1].expand(-1, 3, -1, -1)
            return _scaled(values, ImageSpec()).round().to(torch.uint8)
        stored = _scaled(values, target)
        return stored.round().to(stored_dtype(target)) if target.bits < 32 else stored

    def _joined(self, lightness: Tensor, ab: Tensor) -> Tensor:
        y = (lightness[..., 0] + 16) / 116
        f = torch.stack([y + ab[..., 0] / 500, y, y - ab[..., 1] / 200], -1)
        xyz = torch.where(f > 0.2068966, f * f * f, (f - 16 / 116) / 7.787)
        linear = (xyz @ self.to_rgb).clamp(0, 1)
        rgb = torch.where(linear > 0.0031308, 1.055 * linear.clamp(min=0.0031308).pow(1 / 2.4) - 0.055, 12.92 * linear)
        return (rgb * 255).round().to(torch.uint8)


def _scaled(values: Tensor, spec: ImageSpec) -> Tensor:
    stored = (values + 1) * ((spec.high - spec.low) / 2) + spec.low
    return _clipped(stored, spec).movedim(1, -1)


def _clipped(stored: Tensor, spec: ImageSpec) -> Tensor:
    return stored.clamp(min=spec.low).clamp(max=spec.high)
