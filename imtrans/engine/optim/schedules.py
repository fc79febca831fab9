"""Learning rate schedules: functions of the step, so that nothing of them needs saving."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from imtrans.errors import ConfigError
from imtrans.kit.torchvision_compat import optional_vision
from imtrans.plugins.recipe import TrainOptions

Factor = Callable[[int], float]


def lr_schedule(options: TrainOptions, steps: int) -> Factor:
    """What the learning rate is multiplied with at each step (counted from 0) of a run of `steps`.

    linear: constant until `decay_start` of the run, then in a straight line to 0 after its last step (the schedule of
    CycleGAN and of pix2pix's PyTorch port, counted in steps). cosine: timm's. inverse-time: 1 / (1 + rate * step), as
    Keras' InverseTimeDecay with decay_steps 1. Warm-up goes before, from 0 in a straight line.
    """
    warm, decay = options.warmup, _decay(options, steps)
    if warm >= steps:
        raise ConfigError(f"train.warmup {warm}: the run has only {steps} steps", hint="Make it shorter.")
    return lambda step: (step + 1) / (warm + 1) if step < warm else decay(step)


def constant(_step: int) -> float:
    """No schedule at all."""
    return 1.0


def _decay(options: TrainOptions, steps: int) -> Factor:
    if options.schedule == "inverse-time":
        return lambda step: 1 / (1 + options.decay_rate * step)
    if options.schedule == "linear":
        begin = int(steps * options.decay_start)
        return _of_timm("WSDLRScheduler", t_initial=steps, decay_t=steps - begin, decay_fn="linear")
    if options.schedule == "cosine":
        return _of_timm("CosineLRScheduler", t_initial=steps)
    return constant


def _of_timm(name: str, **settings: Any) -> Factor:
    """A schedule of timm, asked for its value: it is a function of the step, so nothing of it needs saving."""
    bare = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = getattr(optional_vision("timm.scheduler"), name)(bare, t_in_epochs=False, **settings)
    return lambda step: float(schedule._get_lr(step)[0])
