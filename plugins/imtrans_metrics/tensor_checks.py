"""What metrics require of images before they compare them."""

import torch
from torch import Tensor

from imtrans.errors import DataError, ShapeError


def check(prediction: Tensor, target: Tensor) -> None:
    """ShapeError unless both have the same shape: broadcasting would silently compare every image with every other.

    DataError for whole numbers, whose differences would wrap around.
    """
    if not (prediction.is_floating_point() and target.is_floating_point()):
        raise DataError(f"pictures must be float in [-1, 1], not {prediction.dtype} and {target.dtype}")
    if prediction.shape != target.shape:
        raise ShapeError(f"prediction is {tuple(prediction.shape)}, target {tuple(target.shape)}")


def colour(metric: str, picture: Tensor) -> Tensor:
    """(B, 3, H, W): RGB unchanged, grey repeated three times. ShapeError for any other number of channels."""
    if picture.dim() != 4 or picture.shape[1] not in (1, 3):
        raise ShapeError(f"{metric}: compares pictures of 1 or 3 channels, and these are {tuple(picture.shape[1:])}")
    return picture.expand(-1, 3, -1, -1)


def stored(picture: Tensor) -> Tensor:
    """The values 0 to 255 that a picture in [-1, 1] has in a file, float32, rounded and cut."""
    return (picture.float() + 1).mul(127.5).clamp(0, 255).round()


def nan_where_broken(rows: Tensor, *pictures: Tensor) -> Tensor:
    """The rows (B, *S), but NaN for images with a value that is not finite.

    `stored` cannot show such values: cast to 8 bits, NaN becomes an arbitrary grey.
    """
    broken = torch.stack([~p.isfinite().flatten(1).all(1) for p in pictures]).any(0).to(rows.device)
    return rows.masked_fill(broken.view(-1, *[1] * (rows.dim() - 1)), torch.nan)
