"""What does augmenting the discriminator's pictures bring where there are few of them?

    python benchmarks/few_pictures.py FACADES [--pairs 40] [--size 128] [--steps 8000] [--seeds 0 1 2] [--work DIR]
                                      [--ways none diffaugment ada] [--recipe pix2pix] [--set KEY=VALUE ...]

FACADES holds `train` and `val` of the facades. Each seed draws its own pairs, the same for all ways, and nothing is
chosen by the validation pictures: the last checkpoint is measured on all of them, which serve as the test. Runs are
kept in DIR; called again, what is finished is not trained again and what was interrupted goes on.
Prints for each way the mean over the seeds and their standard deviation; of the distances lower is closer. The Fréchet
distance is that of EfficientNet-lite0's packaged features: it compares ways here, and is no FID.
"""

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

import imtrans

MEASURES = {"distribution": ("lite0_frechet", "lite0_kernel"), "image": ("l1", "ssim")}
SLOT = "discriminator_augmentation"
WAYS = {"none": {}, "diffaugment": {SLOT: "diffaugment"}, "ada": {SLOT: "ada"}}


def main() -> None:
    given = _arguments()
    rows = {}
    for way in given.ways:
        runs = [_trained(given, way, seed) for seed in given.seeds]
        numbers = [_numbers(run) for run in runs]
        rows[way] = {name: [each[name] for each in numbers] for name in numbers[0]}
    names = list(next(iter(rows.values())))
    print(f"{given.recipe}, {given.pairs} pairs, {given.size} px, {given.steps} steps, seeds {given.seeds}")
    for line in [["way", *names], *([way, *map(_text, row.values())] for way, row in rows.items())]:
        print("  ".join(cell.ljust(24) for cell in line).rstrip())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("facades", type=lambda text: Path(text).resolve())
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["none", "diffaugment"])
    parser.add_argument("--recipe", default="pix2pix")
    parser.add_argument("--work", type=lambda text: Path(text).resolve(), default=Path("few-pictures").resolve())
    parser.add_argument("--set", dest="settings", action="append", default=[])
    return parser.parse_args()


def _drawn(given: argparse.Namespace, seed: int) -> Path:
    """A folder of links to so many training pairs, and to all validation pairs."""
    folder = given.work / f"pairs-{given.pairs}-{seed}"
    train = sorted((given.facades / "train").iterdir(), key=lambda p: int(p.stem))
    chosen = {"train": random.Random(seed).sample(train, given.pairs), "val": [*(given.facades / "val").iterdir()]}
    for split, files in chosen.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        for file in files:
            link = folder / split / file.name
            if not link.exists():
                link.symlink_to(file)
    return folder


def _trained(given: argparse.Namespace, way: str, seed: int) -> Path:
    name = f"{given.recipe}-{way}-{given.pairs}-{given.size}-{given.steps}-{seed}"
    run, command = given.work / "runs" / name, [sys.executable, "-m", "imtrans"]
    settings = {
        "dataset.layout": "halves",
        "data.direction": "BtoA",
        "data.size": given.size,
        "generator": "unet128",
        "train.steps": given.steps,
        "train.seed": seed,
        "train.evaluate_every": "never",
        "train.save_every": "500 steps",
        "train.keep_last": 1,
        "metrics": "[]",
        **WAYS[way],
    }
    if way == "ada":  # the paper's 500 thousand are for longer runs; here p could rise to 1 in a quarter of the run
        settings[f"{SLOT}.ada.kimg"] = given.steps / 4 / 1000
    record = run / "run.json"
    if record.exists() and json.loads(record.read_text())["status"] == "finished":
        return run
    if record.exists():
        command += ["resume", name]
    else:
        sets = [f"{key}={value}" for key, value in settings.items()] + given.settings
        command += ["run", given.recipe, "--name", name, "--dataset", str(_drawn(given, seed))]
        command += [word for each in sets for word in ("--set", each)]
    subprocess.run(command, cwd=given.work, check=True)
    return run


def _numbers(run: Path) -> dict[str, float]:
    """What the run is worth; found once, since a hundred translations take their time."""
    record, values = run / "few-pictures.json", dict[str, float]()
    if record.exists():
        return dict(json.loads(record.read_text()))
    for protocol, names in MEASURES.items():
        numbers = imtrans.evaluate(run, protocol=protocol)["numbers"]
        values |= {name: numbers[name]["value"] for name in names}
    values["ms per step"] = _milliseconds(run)
    record.write_text(json.dumps(values))
    return values


def _milliseconds(run: Path) -> float:
    """The median between two lines of the log: what an interruption took does not count."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    logged = [(line["step"], line["time"]) for line in lines if line["split"] == "train"]
    between = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(logged) if b[0] > a[0]]
    return 1000 * statistics.median(between) if between else float("nan")


def _text(values: list[float]) -> str:
    spread = f" +- {statistics.stdev(values):.4g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4g}{spread}"


if __name__ == "__main__":
    main()
