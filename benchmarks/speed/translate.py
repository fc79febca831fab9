"""A folder of pictures: `imtrans translate`, whole, beside a plain program of load, forward and save."""

import shutil
import statistics
from pathlib import Path

import torch
from PIL import Image

from benchmarks.speed.pairs import draw_pairs
from benchmarks.speed.process import Ended, module, run
from benchmarks.speed.rows import Row
from benchmarks.speed.settings import command, depth_of, settings
from imtrans.engine.speedups import has_bf16

SIZE = 256
WARM_UP, PASSES = 5, 20


def measure(folder: Path, *, rounds: int, count: int, size: int = SIZE) -> list[Row]:
    """Seconds of the whole folder and until the first picture, both ways."""
    trained, pictures = train(folder, size), folder / "pictures"
    pictures.mkdir()
    for index, path in enumerate(sorted((folder / "pairs" / "train").iterdir())[:count]):
        with Image.open(path) as pair:
            pair.crop((size, 0, 2 * size, size)).save(pictures / f"{index:04}.jpg", quality=95)
    plain, ours, alone = [], [], ([], [])
    single = folder / "single"
    single.mkdir()
    shutil.copy(pictures / "0000.jpg", single)
    for number in range(rounds):
        for sources, of_plain, of_ours in ((pictures, plain, ours), (single, *alone)):
            out = f"{sources.name}-{number}"
            words = [module("plain_translation"), str(trained / "model.safetensors"), str(depth_of(size))]
            of_plain.append(run([*words, str(sources), f"plain-{out}"], folder=folder).seconds)
            words = ["imtrans", "translate", str(trained), str(sources), "-o", f"ours-{out}", "--size", "native"]
            of_ours.append(run(words, folder=folder).seconds)
    what = f"{len(list(pictures.iterdir()))} pictures of {size} px, whole command"
    rows = [Row(what, plain, ours, unit="s", goal=1.5), Row("one picture, whole command", *alone, unit="s")]
    return rows + measure_network(folder, trained, rounds=rounds, size=size)


def measure_network(folder: Path, trained: Path, *, rounds: int, size: int) -> list[Row]:
    """Milliseconds of a picture by the statistics of training: eager in float32, and fast in bfloat16; processes in
    turns. No row where the processor has no bfloat16."""
    if not has_bf16(torch.device("cpu")):
        return []
    plain, ours = [], []
    weights, end = str(trained / "model.safetensors"), [str(size), str(WARM_UP + PASSES)]
    for _ in range(rounds):
        plain.append(_median(run([module("plain_network"), weights, str(depth_of(size)), *end], folder=folder)))
        ours.append(_median(run([module("fast_network"), str(trained), *end], folder=folder)))
    return [Row(f"inference, eval policy, bf16, {size} px, batch 1", plain, ours, goal=2.5)]


def _median(ended: Ended) -> float:
    seconds: list[float] = ended.record["seconds"]
    return 1e3 * statistics.median(seconds[WARM_UP:])


def train(folder: Path, size: int) -> Path:
    """The checkpoint of a run of one step of the paper's networks."""
    pairs = draw_pairs(folder / "pairs", 200, size=size)
    run(command(pairs, settings(size=size, batch=1, steps=1, precision="float32"), name="trained"), folder=folder)
    return folder / "runs" / "trained" / "step-000001"
