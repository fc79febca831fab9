"""How much of the disk a run will take."""

from pathlib import Path

import torch
from torch import nn

from imtrans import atomic_io
from imtrans.engine.build import Model
from imtrans.engine.checkpoints.io import weights
from imtrans.engine.optim.optimizer_step import OptimizerStep
from imtrans.engine.optim.optimizers import create_optimizer
from imtrans.plugins.recipe import OptimizerOptions


def disk_use(
    model: Model, update: OptimizerStep, folder: Path, *, checkpoints: int, milestones: int, has_best: bool
) -> str:
    """The bytes that so many checkpoints of a run will take, in words, with what is free if that is less."""
    alone = sum(t.numel() * t.element_size() for t in weights(model).values())
    full = alone + _moments(model, update)
    parts = {
        f"{checkpoints} checkpoint{'s' * (checkpoints > 1)}": checkpoints * full,
        f"{milestones:,} milestone{'s' * (milestones > 1)}": milestones * full,
        "the best": (full if model.config.train.best_checkpoint == "full" else alone) * has_best,
    }
    total = sum(parts.values())
    shown = ", ".join(f"{name} {size_in_words(size)}" for name, size in parts.items() if size)
    free = atomic_io.disk.free(next(p for p in (folder, *folder.absolute().parents) if p.exists()))
    # A new checkpoint is written before the oldest is removed.
    lack = f"; only {size_in_words(free)} are free" if free < total + full else ""
    return f"about {size_in_words(total)} ({shown}){lack}"


def size_in_words(count: float) -> str:
    """A number of bytes in MB or GB, with two digits."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.{0 if count >= 1e7 else 1}f} MB"


def _moments(model: Model, update: OptimizerStep) -> int:
    """The bytes of the moments of all weights: as many as each optimizer holds of a small matrix after a step."""
    per_weight = {name: _moments_per_weight(name, options) for name, options in model.config.optimizers.items()}
    sizes = {n: sum(p.numel() * p.element_size() for p in g.parameters) for n, g in update.groups.items()}
    return sum(round(per_weight[name] * size) for name, size in sizes.items())


def _moments_per_weight(group: str, options: OptimizerOptions) -> float:
    parameter = nn.Parameter(torch.ones(8, 8))
    optimizer = create_optimizer([parameter], options, group=group)
    parameter.grad = torch.ones(8, 8)
    optimizer.step()
    state = optimizer.state[parameter].values()
    return sum(v.numel() for v in state if isinstance(v, torch.Tensor) and v.dim()) / parameter.numel()
