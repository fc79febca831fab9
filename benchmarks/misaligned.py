"""How much of what shifted pairs cost do pyramid-l1 and a registration give back?

    python benchmarks/misaligned.py [--steps 800] [--pairs 200] [--seeds 0 1 2] [--work DIR] [--ways fit off ...]

House fronts of the toy set at 64 pixels are written to DIR, once as they are and once with each photo moved by up to 4
pixels both ways, in quarters of a pixel; for each shift there is one of the opposite, so that there is none in the
mean. The same generator learns by plain L1 from either, and from the shifted pairs by the other two; all are measured
on 64 houses that fit. Printed are the means over the seeds, and the share of the loss by shifts that is left.
"""

import argparse
import os
import statistics
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))

from shifted_pairs import shifted_pair

import imtrans

FEW = {
    "data.size": 64,
    "data.batch_size": 8,
    "generator": "unet64",
    "generator.width": 16,
    "train.optimizer.lr": 1e-3,
    "train.decay_start": 0.5,
    "train.evaluate_every": "never",
    "train.sample_every": "never",
    "metrics": '["l1", "psnr", "ssim"]',
    "augment.kornia-jitter.scale": 1.0,
    "augment.kornia-flip.probability": 0.0,
    "adversarial.weight": 0,
    "inference.norm": "running",
    "inference.dropout": False,
}
WAYS = {
    "fit": ("pix2pix", "fit", {}),
    "off": ("pix2pix", "off", {}),
    "pyramid-l1": ("pix2pix", "off", {"reconstruction": "pyramid-l1"}),
    "reggan": ("reggan", "off", {}),
}
VALIDATION = 64


def main() -> None:
    given = _arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    os.chdir(given.work)
    for name in ("fit", "off"):
        _write(Path(name), given.pairs, is_shifted=name == "off")
    means = {}
    for way in given.ways:
        numbers = [_numbers(given, way, seed) for seed in given.seeds]
        means[way] = {name: statistics.mean(each[name] for each in numbers) for name in numbers[0]}
        print(way, {name: round(value, 4) for name, value in means[way].items()}, flush=True)
    for way in (way for way in given.ways if way not in ("fit", "off") and {"fit", "off"} <= means.keys()):
        best, worst = means["fit"], means["off"]
        left = {name: (value - best[name]) / (worst[name] - best[name]) for name, value in means[way].items()}
        print(f"{way} loses of what plain L1 loses:", {name: f"{share:.0%}" for name, share in left.items()})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--work", type=lambda text: Path(text).resolve(), default=Path("misaligned").resolve())
    return parser.parse_args()


def _write(folder: Path, pairs: int, *, is_shifted: bool) -> None:
    if folder.exists():
        return
    shifts = np.random.default_rng(0).integers(-16, 17, (-(-pairs // 2), 2)) / 4
    of_train = np.stack([shifts, -shifts], 1).reshape(-1, 2)[:pairs] * is_shifted
    for split, first, each in (("train", 0, of_train), ("val", 10_000, np.zeros((VALIDATION, 2)))):
        for side in "AB":
            (folder / split / side).mkdir(parents=True)
        for number, (down, right) in enumerate(each):
            for side, picture in zip("AB", shifted_pair(first + number, down=down, right=right), strict=True):
                cv2.imwrite(str(folder / split / side / f"{number}.png"), picture[..., ::-1])


def _numbers(given: argparse.Namespace, way: str, seed: int) -> dict[str, float]:
    recipe, data, settings = WAYS[way]
    settings = {**FEW, **settings, "train.steps": given.steps, "train.seed": seed}
    folder = Path("runs") / f"{way}-{given.steps}-{seed}"
    if not (folder / "summary.json").exists():
        imtrans.train(recipe, dataset=data, settings=settings, name=folder.name)
    return {name: each["value"] for name, each in imtrans.evaluate(folder)["numbers"].items()}


if __name__ == "__main__":
    main()
