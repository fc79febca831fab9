"""The geometry of ADA: one affine map a sample, made of small ones, and one resampling (Karras et al. 2020, app. B)."""

import math
from collections.abc import Sequence

import torch
from kornia.geometry.transform import warp_affine
from torch import Tensor

BLIT, GEOMETRY = 4, 6  # numbers that each of the two groups takes of a sample
CHANCES = 3 + 5  # changes that the two groups have

# Of the map of each change that is not drawn.
IDENTITY = torch.eye(3, dtype=torch.float64)


def blit(numbers: Tensor, is_on: Tensor, size: Sequence[int]) -> Tensor:
    """(B, 3, 3): mirrored, by quarter turns, by whole pixels up to an eighth of each side.

    `numbers` (B, 4) in [0, 1), `is_on` (B, 3). Half of the mirrorings and a quarter of the turns change nothing.
    """
    one = torch.ones(len(numbers), dtype=torch.float64)
    flip = scaling(1 - 2 * (numbers[:, 0] * 2).floor(), one)
    turn = rotation((numbers[:, 1] * 4).floor() * (math.pi / 2)).round()
    sides = torch.tensor([size[1], size[0]])
    move = translation(((numbers[:, 2:4] * 2 - 1) * 0.125 * sides).round())
    return product([flip, turn, move], is_on)


def geometry(numbers: Tensor, is_on: Tensor, size: Sequence[int]) -> Tensor:
    """(B, 3, 3): scaled, turned, stretched, turned again, moved by parts of pixels.

    `numbers` (B, 6) in [0, 1), `is_on` (B, 5).
    """
    normal = torch.special.ndtri(numbers.clamp(min=1e-12))
    scale, stretch = (2 ** (0.2 * normal[:, i]) for i in (0, 2))
    first, second = (rotation((numbers[:, i] * 2 - 1) * math.pi) for i in (1, 3))
    sides = torch.tensor([size[1], size[0]])
    move = translation(normal[:, 4:6] * 0.125 * sides)
    return product([scaling(scale, scale), first, scaling(stretch, 1 / stretch), second, move], is_on)


def product(maps: Sequence[Tensor], is_on: Tensor) -> Tensor:
    """The maps one after the other, those that are on: (B, 3, 3) each, and (B, maps)."""
    total = IDENTITY.expand(len(is_on), 3, 3)
    for each, on in zip(maps, is_on.unbind(1), strict=True):
        total = torch.where(on[:, None, None], each, IDENTITY) @ total
    return total


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """(B, 3, 3), by (B,) along each axis."""
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], 1))


def rotation(angle: Tensor) -> Tensor:
    """(B, 3, 3), by (B,) in radians, from x to y."""
    sine, cosine, zero, one = angle.sin(), angle.cos(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, one], 1).view(-1, 3, 3)


def translation(moves: Tensor) -> Tensor:
    """(B, 3, 3), by (B, 2) pixels, x and y."""
    maps = IDENTITY.repeat(len(moves), 1, 1)
    maps[:, :2, 2] = moves
    return maps


def warped(x: Tensor, maps: Tensor) -> Tensor:
    """(B, C, H, W), each sample by its map (B, 3, 3) around the centre; the rest is filled by its mirror image.

    Samples whose map is the identity are not touched.
    """
    rows = (maps != IDENTITY).flatten(1).any(1).nonzero()[:, 0]
    if not len(rows):
        return x
    to_centre = translation(torch.tensor([[(1 - x.shape[3]) / 2, (1 - x.shape[2]) / 2]]))
    placed = to_centre.inverse() @ maps[rows] @ to_centre
    # torch refuses the gradient of its sampling on CUDA to runs that must repeat their bits.
    place = torch.device("cpu") if torch.are_deterministic_algorithms_enabled() else x.device
    rows, chosen = rows.to(x.device), x[rows.to(x.device)].to(place)
    moved = warp_affine(chosen, placed[:, :2].to(chosen), (x.shape[2], x.shape[3]), padding_mode="reflection")
    return x.index_copy(0, rows, moved.to(x.device))
