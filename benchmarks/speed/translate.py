"""A folder of pictures: `imtrans translate`, whole, beside a plain program of load, forward and save."""

import shutil
from pathlib import Path

from PIL import Image

from benchmarks.speed.pairs import draw_pairs
from benchmarks.speed.process import module, run
from benchmarks.speed.rows import Row
from benchmarks.speed.settings import command, depth_of, settings

SIZE = 256


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
    return [Row(what, plain, ours, unit="s", goal=1.5), Row("one picture, whole command", *alone, unit="s")]


def train(folder: Path, size: int) -> Path:
    """The checkpoint of a run of one step of the paper's networks."""
    pairs = draw_pairs(folder / "pairs", 200, size=size)
    run(command(pairs, settings(size=size, batch=1, steps=1, precision="float32"), name="trained"), folder=folder)
    return folder / "runs" / "trained" / "step-000001"
