"""What a GPU is asked for, in parts of at most ten minutes: images a second beside the plain way, and whole trainings.

    python -m benchmarks gpu --out FOLDER [--data-root DATA] [--device cuda] [--tiny]

Called again with the same folder it goes on where it stopped: rates that are there are not measured again, trainings
are resumed. FOLDER/gpu.json and FOLDER/gpu.md hold what is known so far.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.speed import machine
from benchmarks.speed.pairs import draw_pairs
from benchmarks.speed.process import TOP, module, run
from benchmarks.speed.rows import number
from benchmarks.speed.settings import command, settings
from benchmarks.speed.step import logged_seconds, plain_seconds

PART = 9 * 60.0  # seconds of a part, so that it ends within ten minutes
BATCHES = (1, 16, 64)
EPOCHS = 200
TRAININGS = ("facades", "cityscapes")  # the paper's; asked for: 5 and 20 minutes


class Record:
    """What is known so far, in a file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.path = folder, folder / "gpu.json"
        self.values: dict[str, Any] = json.loads(self.path.read_text()) if self.path.exists() else {}

    def keep(self, name: str, value: Any) -> None:
        """Write a figure down at once."""
        self.values[name] = value
        self.path.write_text(json.dumps(self.values, indent=1) + "\n")
        (self.folder / "gpu.md").write_text("\n".join(self.lines()) + "\n")
        print(f"{name}: {value}", flush=True)

    def lines(self) -> Iterator[str]:
        """A Markdown table of it."""
        yield f"{self.values.get('machine', '')}\n"
        yield "| what | figure |\n|---|---|"
        yield from (f"| {name} | {value} |" for name, value in self.values.items() if name != "machine")


def measure(folder: Path, *, data: Path | None, device: str, is_tiny: bool, seconds: float = PART) -> bool:
    """One part of at most `seconds`; whether all of it is done."""
    record, end = Record(folder.resolve()), time.monotonic() + seconds
    record.keep("machine", described(device))
    for batch in (1, 2) if is_tiny else BATCHES:
        if f"ratio at batch {batch}" not in record.values:
            if time.monotonic() + (0 if is_tiny else 120) > end:
                return False
            _rates(record, batch, device=device, is_tiny=is_tiny)
    trainings = ("drawn",) if is_tiny else TRAININGS
    return all(_trained(record, name, data, device=device, end=end, is_tiny=is_tiny) for name in trainings)


def described(device: str) -> str:
    """The card, or the processor, and versions."""
    card = f"{torch.cuda.get_device_name()}, " if device.startswith("cuda") else ""
    return card + machine.described()


def _rates(record: Record, batch: int, *, device: str, is_tiny: bool) -> None:
    """Images a second of whole programs: the plain one, and ours in both precisions, also with what is for GPUs."""
    size, steps = (32, 14) if is_tiny else (256, 300 if batch == 1 else 120)
    pairs = record.folder / f"pairs-{size}"
    if not pairs.exists():
        draw_pairs(pairs, 64 if is_tiny else 256, size=size)
    words = [module("plain_training"), str(pairs), *map(str, (size, batch, steps)), device]
    plain = batch / plain_seconds(run(words, folder=record.folder))
    ours = {}
    for kind, more in itertools.product(("float32", "bf16"), ([], ["channels-last", "cuda-graph", "resident-samples"])):
        given = settings(size=size, batch=batch, steps=steps, precision=kind)
        given |= {"train.device": device, "train.speedups": json.dumps(["auto", *more])}
        what = f"{kind} with all for GPUs" if more else kind
        name = f"rate-{len(ours)}-{batch}-{int(time.time())}"
        run(command(pairs, given, name=name), folder=record.folder)
        ours[what] = batch / logged_seconds(record.folder / "runs" / name)
    rates = ", ".join(f"{kind} {number(rate)}" for kind, rate in ours.items())
    record.keep(f"images a second at batch {batch}", f"plain {number(plain)}, {rates}")
    record.keep(f"ratio at batch {batch}", f"{max(ours.values()) / plain:.2f}")


def _trained(record: Record, name: str, data: Path | None, *, device: str, end: float, is_tiny: bool) -> bool:
    """Train as the paper does, in this part as far as time allows, and evaluate when it is over; whether it is."""
    if f"{name}: scores" in record.values:
        return True
    left = end - time.monotonic()
    if left < (0 if is_tiny else 60):
        return False
    words = ["run", "pix2pix", "--name", name, "--device", device, "--resume"]
    if is_tiny:
        words += ["--dataset", str(record.folder / "pairs-32"), "--steps", "3", "--set", "data.size=32"]
        words += ["--set", "generator.depth=3", "--set", "generator.width=2"]
    else:
        words += ["--dataset", name, "--epochs", str(EPOCHS), *(["--data-root", str(data)] if data else [])]
    seconds, is_over = _imtrans(words, record.folder, limit=left)
    so_far = record.values.get(f"{name}: seconds of training", 0)
    record.keep(f"{name}: seconds of training", round(so_far + seconds, 1))
    if not is_over:
        return False
    seconds, _ = _imtrans(["evaluate", f"runs/{name}", "--json"], record.folder, limit=PART)
    record.keep(f"{name}: seconds of evaluation", round(seconds, 1))
    record.keep(f"{name}: scores", _scores(record.folder / "stdout"))
    return True


def _imtrans(words: Sequence[str], folder: Path, *, limit: float) -> tuple[float, bool]:
    """Run a command, and stop it when its time is over, so that it saves; how long it took, and whether it ended."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOP), os.environ.get("PYTHONPATH", "")])}
    began = time.monotonic()
    with (folder / "stdout").open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", "imtrans", *words], cwd=folder, env=environment, stdout=out)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            process.wait()
            return time.monotonic() - began, False
    if code:
        sys.exit(f"imtrans {' '.join(words)}: exit {code}")
    return time.monotonic() - began, True


def _scores(output: Path) -> str:
    numbers = json.loads(output.read_text())["numbers"]
    return ", ".join(f"{name} {entry['value']:.4g}" for name, entry in numbers.items())
