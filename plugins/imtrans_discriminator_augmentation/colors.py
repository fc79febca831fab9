"""The colours of ADA: one linear map a sample (Karras et al. 2020, appendix B). Values may leave [-1, 1]."""

import math

import torch
from kornia.geometry.conversions import axis_angle_to_rotation_matrix
from torch import Tensor

from imtrans_discriminator_augmentation.bands import Bands

NUMBERS = CHANCES = 5
GREY_AXIS = torch.full((3,), 1 / math.sqrt(3), dtype=torch.float64)
ALONG = GREY_AXIS[:, None] * GREY_AXIS
IDENTITY = torch.eye(3, dtype=torch.float64)


def recoloured(image: Tensor, numbers: Tensor, is_on: Tensor, *, of: Bands) -> Tensor:
    """(B, C, H, W) by numbers and switches, (B, 5) each: brightness, contrast, inverted light, hue, saturation.

    Of grey images the last two would change nothing; of bands that are no colours the first two are taken alone.
    """
    if not is_on.any():
        return image
    normal = torch.special.ndtri(numbers.clamp(min=1e-12))
    shape = (-1, *[1] * (image.dim() - 1))
    added = torch.where(is_on[:, 0], 0.2 * normal[:, 0], 0).to(image).view(shape)
    factor = torch.where(is_on[:, 1], 2 ** (0.5 * normal[:, 1]), 1).to(image).view(shape)
    changed = (image + added) * factor
    if of == "grey":
        sign = torch.where(is_on[:, 2] & (numbers[:, 2] >= 0.5), -1, 1).to(image).view(shape)
        return changed * sign
    return changed if of == "bands" else torch.einsum("bij,bj...->bi...", turned(numbers, is_on).to(image), changed)


def turned(numbers: Tensor, is_on: Tensor) -> Tensor:
    """(B, 3, 3) float64: RGB with its light inverted, its hue turned around the grey axis, its saturation scaled."""
    inverts = is_on[:, 2] & (numbers[:, 2] >= 0.5)
    light = IDENTITY - 2 * ALONG * inverts[:, None, None]
    angle = torch.where(is_on[:, 3], (numbers[:, 3] * 2 - 1) * math.pi, 0)
    hue = axis_angle_to_rotation_matrix(angle[:, None] * GREY_AXIS)
    factor = torch.where(is_on[:, 4], 2 ** torch.special.ndtri(numbers[:, 4].clamp(min=1e-12)), 1)
    saturation = ALONG + (IDENTITY - ALONG) * factor[:, None, None]
    total: Tensor = saturation @ hue @ light
    return total
