"""Structural similarity, window by window (Wang et al. 2004), and over several sizes (Wang et al. 2003)."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

# Wang, Simoncelli, Bovik 2003, section 3.2: fitted there to the answers of human observers; from the finest size on.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5  # pixels


def scale_weights(scales: int) -> list[float]:
    """The weights of so many sizes; of fewer than five they are brought to a sum of 1."""
    weights = WEIGHTS[:scales]
    return list(weights) if scales == len(WEIGHTS) else [weight / sum(weights) for weight in weights]


def least_size(scales: int) -> int:
    """The least height and width, in pixels, that hold a window at the last of so many sizes: 161 for five."""
    return (WINDOW - 1) * int(2 ** (scales - 1)) + 1


def similarity_maps(prediction: Tensor, target: Tensor, *, data_range: float) -> tuple[Tensor, Tensor]:
    """Similarity, and its contrast and structure alone, for each Gaussian window that lies within: (B, C, h, w).

    Of pictures (B, C, H, W) of at least `WINDOW` pixels, whose values span `data_range`; in float32 at least.
    Variances are those of a whole population, as in the paper.
    """
    x, y = (side.to(torch.promote_types(side.dtype, torch.float32)) for side in (prediction, target))
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean_x, mean_y = _blurred(x), _blurred(y)
    variances = _blurred(x * x) - mean_x**2 + _blurred(y * y) - mean_y**2
    contrast = (2 * (_blurred(x * y) - mean_x * mean_y) + c2) / (variances + c2)
    return contrast * (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1), contrast


def halved(picture: Tensor) -> Tensor:
    """The means of two by two pixels, (B, C, H, W) to half of it, rounded up."""
    height, width = picture.shape[2:]
    # Replicated, not zeros: a dark border would count as structure.
    return avg_pool2d(pad(picture, (0, width % 2, 0, height % 2), mode="replicate"), 2)


def _blurred(picture: Tensor) -> Tensor:
    # Imported here: kornia takes a second to import, and other metrics and losses do not need it.
    from kornia.filters import filter2d_separable, get_gaussian_kernel1d

    kernel = get_gaussian_kernel1d(WINDOW, SIGMA, device=picture.device, dtype=picture.dtype)
    blurred: Tensor = filter2d_separable(picture, kernel, kernel, padding="valid")
    return blurred
