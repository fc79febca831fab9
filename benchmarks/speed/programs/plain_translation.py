"""Pictures translated as the field's projects do it: WEIGHTS, DEPTH, FOLDER, OUT. Load, forward, save, one by one.

The recorded policy of the paper: batch statistics and dropout. Prints one line of JSON: when the first was written.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from imtrans_unet import UNetOptions
from imtrans_unet.network import UNet


def generator_of(weights: Path, depth: int) -> UNet:
    """The trained generator, as it lies in a file of ours."""
    generator = UNet(UNetOptions(depth=depth))
    own = {k: v for k, v in load_file(weights).items() if k.startswith("generator.")}
    generator.load_state_dict({k.removeprefix("generator."): v for k, v in own.items()})
    return generator


def main(weights: Path, depth: int, folder: Path, out: Path) -> None:
    generator = generator_of(weights, depth)
    out.mkdir()
    times = []
    with torch.no_grad():
        for path in sorted(folder.iterdir()):
            values = np.array(Image.open(path).convert("RGB"))
            source = torch.from_numpy(values).permute(2, 0, 1)[None].float().div(127.5).sub(1)
            translated = generator(source)[0].add(1).mul(127.5).round().clamp(0, 255).byte()
            Image.fromarray(translated.permute(1, 2, 0).numpy()).save(out / f"{path.stem}.png")
            times.append(time.time())
    print(json.dumps({"times": times}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *map(Path, sys.argv[3:]))
