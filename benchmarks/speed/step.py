"""A training step: the whole command beside the whole plain program, and beside its own step alone.

Whole processes in turns. Of each, the time from step 10 to the last, as its own log has it.
"""

import copy
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from benchmarks.speed import machine
from benchmarks.speed.pairs import draw_pairs
from benchmarks.speed.process import Ended, module, run
from benchmarks.speed.programs.plain_step import plain_step
from benchmarks.speed.programs.plain_training import networks
from benchmarks.speed.rows import Row
from benchmarks.speed.settings import command, settings
from imtrans.engine.optim.optimizer_step import OptimizerStep
from imtrans.engine.optim.optimizers import create_optimizer
from imtrans.engine.speedups import has_bf16
from imtrans.interfaces import Batch
from imtrans.kit.loss_terms import AdversarialTerms, Terms, Weighted
from imtrans.plugins.recipe import OptimizerOptions
from imtrans_losses.adversarial import BCE
from imtrans_patchgan.network import PatchGAN
from imtrans_pix2pix.method import ConditionalGAN
from imtrans_unet import UNetOptions
from imtrans_unet.network import UNet

WARM_UP = 10
GOALS = {("float32", 256, 1): 1.25, ("float32", 256, 4): 1.1, ("bf16", 256, 1): 1.9, ("bf16", 256, 4): 1.9}
GOALS |= {("bf16", 64, 1): 2.5, ("bf16", 128, 1): 2.5}
KINDS = {torch.float32: "float32", torch.bfloat16: "bf16"}


def measure(
    folder: Path, *, rounds: int, steps: int, sizes: Sequence[tuple[int, int]] = ((256, 1), (256, 4))
) -> list[Row]:
    """Rows for each (size, batch): both precisions against the plain program, and against their steps alone."""
    check_equal_steps()
    kinds = ["float32", *(["bf16"] if has_bf16(torch.device("cpu")) else [])]
    rows = []
    for size, batch in sizes:
        pairs = folder / f"pairs-{size}"
        if not pairs.exists():
            draw_pairs(pairs, 64, size=size)
        rows += _rows(folder, pairs, size, batch, kinds, rounds=rounds, steps=steps)
    return rows


def _rows(top: Path, pairs: Path, size: int, batch: int, kinds: list[str], *, rounds: int, steps: int) -> list[Row]:
    plain: list[float] = []
    whole, alone = ({kind: [] for kind in kinds} for _ in range(2))
    numbers = [str(n) for n in (size, batch, steps)]
    for turn in range(rounds):
        plain.append(1e3 * plain_seconds(run([module("plain_training"), str(pairs), *numbers], folder=top)))
        for kind in kinds:
            name = f"{kind}-{size}-{batch}-{turn}-{steps}"
            keys = settings(size=size, batch=batch, steps=steps, precision=kind)
            run(command(pairs, keys, name=name), folder=top)
            whole[kind].append(1e3 * logged_seconds(top / "runs" / name))
            taken = run([module("step_alone"), str(pairs), *numbers, kind], folder=top).record["seconds"]
            alone[kind].append(1e3 * statistics.fmean(taken[WARM_UP:]))
    rows = []
    for kind in kinds:
        what = f"{size} px, batch {batch}, {kind}"
        floor = 1e3 * floor_of(size, batch, kind)
        rows.append(
            Row(f"whole command, {what}", plain, whole[kind], goal=GOALS.get((kind, size, batch), 0), floor=floor)
        )
        rows.append(Row(f"its step alone beside it, {what}", alone[kind], whole[kind], goal=0.95))
    return rows


def plain_seconds(ended: Ended) -> float:
    """The time of a step of the plain program."""
    times: list[float] = ended.record["times"]
    return (times[-1] - times[WARM_UP - 1]) / (len(times) - WARM_UP)


def logged_seconds(folder: Path) -> float:
    """The time of a step of a run, from its log."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    times = {line["step"]: line["time"] for line in lines if line["split"] == "train"}
    last = max(times)
    return (times[last] - times[WARM_UP]) / (last - WARM_UP)


def floor_of(size: int, batch: int, kind: str) -> float:
    """The least seconds of a step here."""
    both: list[nn.Module] = networks(size)
    source, target = torch.rand(2, batch, 3, size, size)
    step = plain_step(*both)
    dtype = next(d for d, name in KINDS.items() if name == kind)
    return machine.floor_of_step(machine.flops_of(lambda: step(source, target)), both, dtype)


def check_equal_steps() -> None:
    """End the benchmark if our step and the plain one, in float64, do not give the same generator."""
    torch.manual_seed(0)
    first = UNet(UNetOptions(dropout=0, width=4)).double(), PatchGAN(width=4).double()
    second = copy.deepcopy(first)
    source, target = torch.rand(2, 1, 3, 256, 256, dtype=torch.float64) * 2 - 1
    plain_step(*first)(source, target)
    our_step(*second, Batch(source=source, target=target, keys=["x"], draws=torch.tensor([0])))
    pairs = zip(first[0].parameters(), second[0].parameters(), strict=True)
    apart = max(float((a - b).detach().abs().max()) for a, b in pairs)
    if apart > 1e-9:
        sys.exit(f"the two steps differ by {apart:.1e}; a step is 2e-4")


def our_step(generator: nn.Module, discriminator: nn.Module, batch: Batch) -> None:
    """One step of ours."""
    groups = {"generator": list(generator.parameters()), "discriminator": list(discriminator.parameters())}
    update = OptimizerStep.of({g: create_optimizer(p, OptimizerOptions()) for g, p in groups.items()})
    method = ConditionalGAN(
        generator=generator,
        discriminator=discriminator,
        adversarial=AdversarialTerms([Weighted(1.0, BCE())]),
        reconstruction=Terms([Weighted(100.0, nn.L1Loss())]),
    )
    method.train_step(batch, update, step=0)
