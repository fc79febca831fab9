"""pix2pix as the field's projects train it, a whole program: FOLDER of pairs, SIZE, BATCH, STEPS, [DEVICE].

Prints one line of JSON: the time of day after each step, and losses of every tenth.
"""

import itertools
import json
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.speed.programs.plain_loading import PlainPairs
from benchmarks.speed.programs.plain_step import plain_step
from benchmarks.speed.settings import depth_of
from imtrans_patchgan.network import PatchGAN
from imtrans_unet import UNetOptions
from imtrans_unet.network import UNet


def networks(size: int) -> list[nn.Module]:
    """The paper's two; the generator has as many stages as the size allows, up to eight."""
    return [UNet(UNetOptions(depth=depth_of(size))), PatchGAN()]


def main(folder: Path, size: int, batch: int, steps: int, device: str = "cpu") -> None:
    torch.manual_seed(0)
    step, times, losses = plain_step(*(network.to(device) for network in networks(size))), [], []
    read = DataLoader(PlainPairs(sorted((folder / "train").iterdir()), size=size), batch_size=batch, shuffle=True)
    endless = itertools.chain.from_iterable(itertools.repeat(read))
    for number, (target, source) in enumerate(itertools.islice(endless, steps), 1):
        values: dict[str, Tensor] = step(source.to(device), target.to(device))
        if number % 10 == 0:
            losses.append({name: value.item() for name, value in values.items()})
        times.append(time.time())
    print(json.dumps({"times": times, "losses": losses}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]), *sys.argv[5:])
