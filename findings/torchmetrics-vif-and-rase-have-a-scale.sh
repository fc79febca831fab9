#!/usr/bin/env bash
# torchmetrics: two measures that take no range of data have one built in.
#
# 1. Visual information fidelity (VIF) has noise of the eye of variance 2, which is meant for 0 to 255. Pictures in 0 to 1, as
#    all other measures of the package take them, get numbers of the right look and no meaning: strong noise .82 instead of
#    .17, a slight blur .02 instead of .11. Multiplied by 255 first, it is what sewar says.
# 2. Relative average spectral error (RASE) is larger by the number of pixels of a window, 64 by default: a picture that is
#    10 % too bright everywhere, which is 10 by its definition and by sewar, is 640, and with window_size=16 2560.
# Seen with torchmetrics 1.9.0, sewar 0.4.10, torch 2.13.0, numpy 2.4.6, Python 3.11.7, Linux:
#   VIF of strong noise: in 0 to 1 0.82, in 0 to 255 0.17, sewar 0.17
#   VIF of a slight blur: in 0 to 1 0.02, in 0 to 255 0.11, sewar 0.11
#   RASE of 10 % everywhere: window 8 640, window 16 2560, sewar 10
. "$(dirname "$0")/common.sh"
install torchmetrics==1.9.0 sewar==0.4.10 numpy==2.4.6 torch==2.13.0
cd "$folder"
python - <<'PY'
import sys
import sewar
import torch
from torchmetrics.functional import image as measures

draws = torch.Generator().manual_seed(0)
true = torch.randint(0, 256, (1, 3, 96, 96), generator=draws).double() / 255
noisy = (true + 0.2 * torch.randn(true.shape, generator=draws, dtype=torch.float64)).clamp(0, 1)
blurred = torch.nn.functional.avg_pool2d(true, 3, 1, 1)

def bytes_of(picture):
    return (picture[0].permute(1, 2, 0) * 255).round().byte().numpy()

seen = {}
for name, picture in (("strong noise", noisy), ("a slight blur", blurred)):
    picture = (picture * 255).round() / 255
    of_one = float(measures.visual_information_fidelity(picture, true))
    of_bytes = float(measures.visual_information_fidelity(picture * 255, true * 255))
    other = float(sewar.vifp(bytes_of(true), bytes_of(picture)))
    seen[name] = of_one, abs(of_bytes - other) < 0.01
    print(f"VIF of {name}: in 0 to 1 {of_one:.2f}, in 0 to 255 {of_bytes:.2f}, sewar {other:.2f}")
flat = torch.full((1, 3, 64, 64), 100 / 255, dtype=torch.float64)
by_window = [float(measures.relative_average_spectral_error(flat * 1.1, flat, window_size=size)) for size in (8, 16)]
other = float(sewar.rase(bytes_of(flat), bytes_of(flat * 1.1)))
print(f"RASE of 10 % everywhere: window 8 {by_window[0]:.0f}, window 16 {by_window[1]:.0f}, sewar {other:.0f}")
is_vif_so = all(is_right for _, is_right in seen.values()) and seen["strong noise"][0] > 0.6 and seen["a slight blur"][0] < 0.05
sys.exit(not (is_vif_so and round(by_window[0]) == 640 and round(by_window[1]) == 2560 and round(other) == 10))
PY
