"""Random changes of a batch: random numbers from `Batch.draws`, pixels moved by kornia.

kornia's own generators draw once for a batch: a sample's change would depend on its batch. It is imported where it is
used: it takes 0.1 s, and crops and flips on the CPU do without.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from imtrans.errors import ShapeError
from imtrans.interfaces import Batch, Context
from imtrans.kit.bases import BaseAugmentation
from imtrans.kit.random import uniform
from imtrans_kornia import ColorOptions


class Jitter:
    """Random crop of images that were loaded larger (paper, section 3.3: 286 to 256); of volumes, of their slices."""

    is_geometric = True

    def __init__(self, *, scale: float, interpolation: str, context: Context) -> None:
        self.size, self.scale, self.interpolation = tuple(context.size), scale, interpolation

    def input_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """What the loader resizes to, with this augmentation's `interpolation`."""
        # Not round(): Python rounds halves to even, so the direction would depend on the size.
        return tuple(math.ceil(n * self.scale - 0.5) for n in size)

    def __call__(self, batch: Batch) -> Batch:
        """The batch, each pair cropped at a random offset. ShapeError for images smaller than the crop."""
        if not self.size:
            raise ShapeError("kornia-jitter: needs data.size, the size to crop to")
        spatial = batch.source.shape[2:]
        height, width = self.size[0], self.size[-1]
        if len(self.size) > 2 or spatial[-2] < height or spatial[-1] < width:
            raise ShapeError(f"kornia-jitter: cannot crop {height} x {width} from {tuple(spatial)}")
        corners = _corners(uniform(batch.draws, 2, stream="kornia-jitter"), spatial[-2:], height, width)
        return _both(batch, lambda x: _windows(x, corners, height, width))


class Flip(BaseAugmentation):
    """Mirrors source and target together, independently for each pair."""

    is_geometric = True

    def __init__(self, *, probability: float) -> None:
        self.probability = probability

    def __call__(self, batch: Batch) -> Batch:
        """The batch, with a share `probability` of its pairs mirrored."""
        flips = uniform(batch.draws, 1, stream="kornia-flip")[:, 0] < self.probability
        if not flips.any():
            return batch
        return _both(batch, lambda x: _mirrored(x, flips))


class Color(BaseAugmentation):
    """Brightness, contrast, saturation and hue of an RGB source; the target keeps its colours."""

    def __init__(self, *, context: Context, **options: float) -> None:
        self.options = ColorOptions(**options)
        source = context.data_spec.source
        if source.kind != "image" or source.channels != 3:
            raise ShapeError(
                "kornia-color: the source must be RGB pictures, and here has "
                + ("labels" if source.kind == "labels" else f"{source.channels} channels"),
                hint="Leave it out of augment.",
            )

    def __call__(self, batch: Batch) -> Batch:
        """The batch with the colours of its sources changed, independently for each pair."""
        from kornia import enhance

        o = self.options
        spread = uniform(batch.draws, 4, stream="kornia-color").to(batch.source.device, torch.float32) * 2 - 1
        x = batch.source / 2 + 0.5  # kornia's colour functions take [0, 1]
        x = enhance.adjust_brightness(x, spread[:, 0] * o.brightness)
        x = enhance.adjust_contrast(x, 1 + spread[:, 1] * o.contrast)
        x = enhance.adjust_saturation(x, 1 + spread[:, 2] * o.saturation)
        x = enhance.adjust_hue(x, spread[:, 3] * o.hue * 2 * math.pi)  # in radians
        return replace(batch, source=x.clamp(0, 1) * 2 - 1)


def _corners(numbers: Tensor, spatial: torch.Size, height: int, width: int) -> Tensor:
    """(B, 2) left and top of each window; all offsets that fit are equally likely."""
    offsets = torch.tensor([spatial[1] - width + 1, spatial[0] - height + 1])
    return (numbers * offsets).floor().long()


def _windows(x: Tensor, corners: Tensor, height: int, width: int) -> Tensor:
    """A window of each image, of a volume the same of all slices. On the CPU by slices of the array: kornia gives the
    same and takes 3 to 6 times as long; it knows no volumes."""
    if x.device.type == "cpu" or x.dim() > 4:
        if len(x) == 1:
            left, top = corners[0].tolist()
            window = x[..., top : top + height, left : left + width]
            return window.clone(memory_format=torch.contiguous_format)  # not `contiguous`: a copy, as below
        lefts_and_tops = zip(x, corners.tolist(), strict=True)
        return torch.stack([p[..., top : top + height, left : left + width] for p, (left, top) in lefts_and_tops])
    from kornia.geometry.transform import crop_by_indices

    # Corners clockwise from the upper left, inclusive, as crop_by_indices wants them.
    offsets = torch.tensor([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    boxes = (corners[:, None] + offsets).to(x.device)
    cropped: Tensor = crop_by_indices(x, boxes, (height, width))
    return cropped


def _mirrored(x: Tensor, flips: Tensor) -> Tensor:
    """The images, mirrored where `flips` is true. On the CPU only those are flipped, the others copied."""
    if x.device.type != "cpu":
        from kornia.geometry.transform import hflip

        return torch.where(_like(flips.to(x.device), x), hflip(x), x)
    if flips.all():
        return x.flip(-1).contiguous()
    # `flips` is on the CPU: asking each flag waits for no device.
    return torch.stack([p.flip(-1) if is_flipped else p for p, is_flipped in zip(x, flips.tolist(), strict=True)])


def _both(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    extras = {k: change(v) for k, v in batch.extras.items()}
    return replace(batch, source=change(batch.source), target=change(batch.target), extras=extras)


def _like(mask: Tensor, x: Tensor) -> Tensor:
    return mask.view(-1, *[1] * (x.dim() - 1))
