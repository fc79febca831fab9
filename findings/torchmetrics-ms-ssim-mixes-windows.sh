#!/usr/bin/env bash
# torchmetrics: of the factors of multiscale SSIM, contrast is a mean over the windows that lie within the picture, and the
# last factor, similarity, one over all windows, also those that reach over the border into a reflection.
#
# The paper (Wang et al. 2003) and pytorch-msssim have the same windows for all factors. By the weights (betas) each factor
# can be seen alone: (1, 0) is the contrast of the first scale, (1,) its similarity. Of two pictures that differ at their
# border, where one has a dark frame as scans have one, the two packages give very different numbers.
# Seen with torchmetrics 1.9.0, pytorch-msssim 1.0.0, scipy 1.17.1, torch 2.13.0, Python 3.11.7, Linux:
#   contrast: torchmetrics 0.9801, windows within 0.9801, all windows 0.9591
#   similarity: torchmetrics 0.9348, windows within 0.9726, all windows 0.9348
#   five scales: torchmetrics 0.8838, pytorch-msssim 0.9875
. "$(dirname "$0")/common.sh"
install torchmetrics==1.9.0 pytorch-msssim==1.0.0 scipy==1.17.1 numpy==2.4.6 torch==2.13.0
cd "$folder"
python - <<'PY'
import sys
import torch
from pytorch_msssim import ms_ssim
from scipy.ndimage import gaussian_filter
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as measure

def noise(seed):
    return torch.rand(2, 3, 192, 176, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

x = noise(0)
y = x.clone()
for side in (y[..., :8, :], y[..., -8:, :], y[..., :8], y[..., -8:]):
    side.mul_(0.5)  # a dark frame, as scans have one

def mean(picture):
    return gaussian_filter(picture, (0, 0, 1.5, 1.5), radius=(0, 0, 5, 5), mode="mirror")

def factors(a, b):
    c1, c2, m, n = 0.01**2, 0.03**2, mean(a), mean(b)
    contrast = (2 * (mean(a * b) - m * n) + c2) / (mean(a * a) - m * m + mean(b * b) - n * n + c2)
    return contrast, contrast * (2 * m * n + c1) / (m * m + n * n + c1)

seen = {}
for name, betas, maps in zip(("contrast", "similarity"), ((1.0, 0.0), (1.0,)), factors(x.numpy(), y.numpy())):
    ours = float(measure(x, y, data_range=1.0, betas=betas))
    inner, whole = float(maps[..., 5:-5, 5:-5].mean()), float(maps.mean())
    seen[name] = abs(ours - inner) < 1e-6, abs(ours - whole) < 1e-6
    print(f"{name}: torchmetrics {ours:.4f}, windows within {inner:.4f}, all windows {whole:.4f}")
five, other = float(measure(x, y, data_range=1.0)), float(ms_ssim(x, y, data_range=1.0))
print(f"five scales: torchmetrics {five:.4f}, pytorch-msssim {other:.4f}")
sys.exit(seen != {"contrast": (True, False), "similarity": (False, True)} or abs(five - other) < 0.05)
PY
