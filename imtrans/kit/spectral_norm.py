"""Spectral norm (Miyato et al. 2018) of weights that were replaced."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.parametrize import ParametrizationList

# Of random 512 x 8192 weights, 50 leave a largest singular value of 1.010, 100 one of 1.006.
POWER_ITERATIONS = 150


@torch.no_grad()
def update_spectral_norms(module: nn.Module) -> None:
    """Estimate the largest singular value of each weight under torch's spectral norm again, drawing no numbers.

    Needed wherever such weights were replaced: torch would divide by the estimate for the old ones, and correct it by
    one power iteration a training step, never in evaluation mode.
    """
    for weight in module.modules():
        if not isinstance(weight, ParametrizationList) or not isinstance(weight.original, Tensor):
            continue
        for norm in weight:
            if isinstance(norm, _SpectralNorm) and weight.original.dim() > 1 and not weight.original.is_meta:
                before = norm.training, norm.n_power_iterations
                norm.training, norm.n_power_iterations = True, POWER_ITERATIONS
                weight()
                norm.training, norm.n_power_iterations = before
