#!/usr/bin/env bash
# torch: grid_sample(mode="nearest") takes the even one of two equally near pixels: a label map moved by half a pixel loses each
# second column, and has the columns between them twice, instead of moving by one column or by none.
#
# It rounds as the processor does, half to even, where the places of nearest neighbours are else found by rounding half up (or
# down) alike everywhere, as interpolate's nearest-exact, Pillow's and OpenCV's resizing nearly do. Half a pixel is no rare
# shift: to centre a map of odd size in one of even size takes it. Lines that are one pixel wide vanish or double. The place
# is what align_corners=False says; at 0.49 and at 0.51 all columns but the ones that leave the map are kept.
# Seen with torch 2.13.0, numpy 2.4.6, Python 3.11.7, Linux:
#   columns 0 to 15 moved left by 0.49: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
#   columns 0 to 15 moved left by 0.5:  [0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14, 15]
#   columns 0 to 15 moved left by 0.51: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15]
. "$(dirname "$0")/common.sh"
install torch==2.13.0 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
import torch

def moved(shift):
    columns = torch.arange(16, dtype=torch.float64)
    x = (2 * (columns + shift) + 1) / 16 - 1  # the centre of column i, for align_corners=False; exact for halves
    grid = torch.stack([x, torch.zeros(16, dtype=torch.float64)], dim=-1)[None, None]
    picture = columns.reshape(1, 1, 1, 16)
    how = {"mode": "nearest", "align_corners": False, "padding_mode": "border"}
    return torch.nn.functional.grid_sample(picture, grid, **how).flatten().int().tolist()

seen = {shift: moved(shift) for shift in (0.49, 0.5, 0.51)}
for shift, columns in seen.items():
    print(f"columns 0 to 15 moved left by {f'{shift}:':5} {columns}")
is_kept = seen[0.49] == list(range(16)) and seen[0.51] == [*range(1, 16), 15]
sys.exit(not (is_kept and seen[0.5][:-1] == [2 * ((i + 1) // 2) for i in range(15)]))
PY
