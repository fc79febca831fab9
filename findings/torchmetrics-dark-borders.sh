#!/usr/bin/env bash
# torchmetrics: a picture with black places, as scans, slides and rasters have around them, compared with itself: universal
# image quality (UQI) counts every black window (and every other flat one) as 0, and is far below 1; spectral angle (SAM) is nan.
#
# UQI divides 0 by a small number where the formula has 0 by 0; sewar takes 1 there. SAM divides by the length of a pixel's
# colour, which black has none of: one black pixel of 9,216 makes the mean of all nan. Neither raises or warns. SSIM has
# constants for that and is 1. A set with wide borders gets a UQI that says how wide they are.
# Seen with torchmetrics 1.9.0, sewar 0.4.10, torch 2.13.0, numpy 2.4.6, Python 3.11.7, Linux:
#   no black: UQI 1.000, by sewar 1.000, SAM not nan, SSIM 1.000
#   one black pixel: UQI 1.000, by sewar 1.000, SAM nan, SSIM 1.000
#   a third black: UQI 0.744, by sewar 1.000, SAM nan, SSIM 1.000
#   two thirds black: UQI 0.372, by sewar 1.000, SAM nan, SSIM 1.000
. "$(dirname "$0")/common.sh"
install torchmetrics==1.9.0 sewar==0.4.10 numpy==2.4.6 torch==2.13.0
cd "$folder"
python - <<'PY'
import sys
import sewar
import torch
from torchmetrics.functional import image as measures

made = torch.randint(1, 256, (1, 3, 96, 96), generator=torch.Generator().manual_seed(0)).double() / 255
black = {"no black": (0, 0), "one black pixel": (1, 1), "a third black": (96, 32), "two thirds black": (96, 64)}
seen = {}
for name, (height, width) in black.items():
    picture = made.clone()
    picture[..., :height, :width] = 0
    uqi = float(measures.universal_image_quality_index(picture, picture))
    sam = float(measures.spectral_angle_mapper(picture, picture))
    ssim = float(measures.structural_similarity_index_measure(picture, picture, data_range=1.0))
    pixels = (picture[0].permute(1, 2, 0) * 255).round().byte().numpy()
    other = float(sewar.uqi(pixels, pixels))
    seen[name] = round(uqi, 2), sam != sam, round(ssim, 3), round(other, 3)
    angle = "nan" if sam != sam else "not nan"
    print(f"{name}: UQI {uqi:.3f}, by sewar {other:.3f}, SAM {angle}, SSIM {ssim:.3f}")
are_others_right = all(values[2:] == (1, 1) for values in seen.values())
uqis, nans = zip(*(values[:2] for values in seen.values()))
sys.exit(not (are_others_right and nans == (False, True, True, True) and uqis == (1.0, 1.0, 0.74, 0.37)))
PY
