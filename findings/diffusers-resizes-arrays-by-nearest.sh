#!/usr/bin/env bash
# diffusers: VaeImageProcessor, which prepares pictures in the image-to-image pipelines, resizes a PIL picture by its `resample`
# (Lanczos) and the same picture as an array or a tensor by nearest neighbours: of 512 to 256 each second pixel is left out.
#
# `resample="lanczos"` is an option of the class, and has no effect on arrays. Sizes that are no multiple of 8 are resized
# unasked: of 515 columns to 512 three are taken out, and no seam is visible in the shape. Fine patterns (cloth, tissue, text) give
# other conditions, and other pictures, by the type they were handed over as.
# Seen with diffusers 0.42.1, torch 2.13.0, pillow 13.0.0, numpy 2.4.6, Python 3.11.7, Linux:
#   512 to 256: array equals tensor True, each second pixel True, 37.0 levels from the PIL picture
#   515 as they are: 512 columns, left out [171, 343, 514]
. "$(dirname "$0")/common.sh"
install diffusers==0.42.1 pillow==13.0.0 numpy==2.4.6 torch==2.13.0
cd "$folder"
python - <<'PY'
import sys
import numpy as np
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image

y, x = np.mgrid[0:512, 0:512]
waves = np.dstack([np.sin(x * x / 300 + y / 9), np.sin(y * y / 500), 0.75 * np.sin((x + y) / 3)])
picture = (127 + 120 * waves).round().astype(np.uint8)
tensor = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
prepare = VaeImageProcessor(vae_scale_factor=8, resample="lanczos").preprocess
forms = (Image.fromarray(picture), picture.astype(np.float32) / 255, tensor)
by_pil, by_array, by_tensor = (prepare(form, height=256, width=256) for form in forms)
apart = float((by_pil - by_tensor).abs().mean() * 127.5)
is_equal, is_second = torch.equal(by_array, by_tensor), torch.allclose(by_tensor, tensor[..., ::2, ::2] * 2 - 1)
print(f"512 to 256: array equals tensor {is_equal}, each second pixel {is_second}, {apart:.1f} levels from the PIL picture")
columns = (torch.arange(515.0) / 515).expand(1, 3, 515, 515)
kept = ((prepare(columns)[0, 0, 0] + 1) / 2 * 515).round().int().tolist()
lost = sorted(set(range(515)) - set(kept))
print(f"515 as they are: {len(kept)} columns, left out {lost}")
sys.exit(not (is_equal and is_second and apart > 20 and len(kept) == 512 and len(lost) == 3))
PY
