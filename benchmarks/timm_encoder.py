"""Does `unet-timm` learn faster with pretrained weights than from random ones?

    python benchmarks/timm_encoder.py [PICTURE.png] [--steps N] [--direction AtoB|BtoA]

Trains the recipe `regression` on the toy set twice, with the packaged weights of EfficientNet-lite0 and without, with
the same seed, data and order. From random weights the encoder has the rate of the decoder, and its batch norm layers
are trained: fixed ones would be no norm at all. Both losses are L1 alone, so that the pretrained network is in neither.
Draws the L1 of the validation pairs over the steps, and prints it.
"""

import argparse
import os
import tempfile
from pathlib import Path

import imtrans
from imtrans.kit.report.html_report import Chart, Series
from imtrans.kit.report.plots import plots, stacked

SCRATCH = {"generator.pretrained": False, "train.optimizer.encoder.lr": 1e-3}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("picture", nargs="?", type=Path)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--direction", default="BtoA")
    given = parser.parse_args()
    picture = given.picture and given.picture.absolute()
    shared = {"train.steps": given.steps, "data.direction": given.direction, "reconstruction": "l1", "metrics": "l1"}
    shared |= {
        "train.evaluate_every": f"{max(1, given.steps // 8)} steps",
        "data.batch_size": 4,
    }
    # The mean over mirrored pictures would take twice the time, of both alike.
    shared |= {"train.device": "cpu", "inference.flips": "none", "observers": []}
    os.chdir(tempfile.mkdtemp())  # the runs are not kept
    lines = {
        name: imtrans.train("regression", "toy", settings={**shared, **own}).metrics()["l1"].finite()
        for name, own in (("pretrained", {}), ("from random weights", SCRATCH))
    }
    for name, points in lines.items():
        print(name, *(f"{step}: {value:.4f}" for step, value in points), sep="  ")
    first, second = lines.values()
    reached = next((step for step, value in first if value <= second[-1][1]), None)
    print(f"from random weights: {second[-1][1]:.4f} at step {second[-1][0]}; pretrained: as low at step {reached}")
    if picture:
        series = [Series(name=name, points=points) for name, points in lines.items()]
        title = "toy set: L1 of the validation pairs"
        stacked(plots([Chart(group="", title=title, axis="l1", series=series, low=0.0)]), [], heads=[]).save(picture)


if __name__ == "__main__":
    main()
