"""One training step: a batch, in parts, through the method; averages and meters brought up to date."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from imtrans.engine.data.loader import prepare
from imtrans.engine.data.pair_loader import HostBatch
from imtrans.engine.data.sampler import StepSamples
from imtrans.engine.fast_layers.training import for_training
from imtrans.engine.gpu.graph import CUDAGraph
from imtrans.engine.gpu.graphed_step import GraphedStep
from imtrans.engine.speedups import precision, speedups
from imtrans.engine.training import oom
from imtrans.engine.training.job import TrainingJob
from imtrans.engine.training.meters import LossMeter
from imtrans.errors import PluginError, join_names
from imtrans.interfaces import Batch
from imtrans.kit.loss_terms import WeightedSum
from imtrans.kit.report.metric_history import HEALTH


class TrainStep:
    """Takes one step of a job at each call."""

    def __init__(self, job: TrainingJob, meter: LossMeter) -> None:
        self.job, self.model, self.meter = job, job.model, meter
        self.precision = precision(job.model.config.train, job.model.device)
        names = speedups(job.model.config.train, job.model.device)
        networks = job.model.networks.values() if "small-maps" in names else ()
        self.layers = for_training(networks)
        self.last_batch: HostBatch | None = None
        self.is_channels_last = "channels-last" in names
        self._run = self._graphed() if "cuda-graph" in names else self._eager

    def __call__(self, samples: StepSamples, host_batches: Sequence[HostBatch]) -> None:
        """Train on the parts of one step's batch. The progress of the job counts the step."""
        update, progress, world = self.job.update, self.job.progress, self.job.world
        whole = samples.count(world.size)
        update.begin(progress.step)
        for left, part in zip(reversed(range(len(host_batches))), host_batches, strict=True):
            self._train_part(part, whole=whole, is_partial=len(host_batches) > 1, is_last=left == 0)
        update.end()
        if not update.stepped:
            raise _nothing_trained(self.model.config.method.name, update.groups)
        for name, average in self.model.averages.items():
            average.update_parameters(self.model.networks[name])
        norms = {f"{HEALTH}gradient.{name}": norm for name, norm in update.norms.items()}
        self.meter.add(norms, whole / world.size)
        progress.since += whole
        progress.step, progress.position = progress.step + 1, samples.after

    def largest_fitting_batch(self) -> int:
        """How many pictures of the last batch fit into memory at once, found by trying; 0: not even one.

        To be called when training has failed for lack of memory: the weights are of no use afterwards.
        """
        batch, self.job.update.faults = self.last_batch, []
        if batch is None or len(batch.keys) < 2:
            return 0
        self.job.update.end()
        return oom.largest(len(batch.keys), lambda size: self._try(batch, size))

    def _try(self, batch: HostBatch, size: int) -> None:
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        self.job.update.begin(self.job.progress.step)
        self._train_part(_first(batch, size), whole=size, is_partial=False)

    def _train_part(self, host_batch: HostBatch, *, whole: int, is_partial: bool, is_last: bool = True) -> None:
        self.last_batch = host_batch
        batch = prepare(host_batch, self.model.data_spec, self.model.device, self.job.augment)
        batch = _channels_last(batch) if self.is_channels_last else batch
        self.job.update.part(len(host_batch.keys) / whole, is_partial=is_partial, is_last=is_last)
        self.meter.add(self._run(batch), len(host_batch.keys))

    def _eager(self, batch: Batch) -> Mapping[str, Tensor]:
        self._terms()  # those of a pass that was no training are dropped
        with _autocast(self.model.device, self.precision), self.layers:
            values = self.model.method.train_step(batch, self.job.update, step=self.job.progress.step)
        return {**values, **self._terms()}

    def _graphed(self) -> Callable[[Batch], Mapping[str, Tensor]]:
        """The step as a CUDA graph, or as it is where that cannot be."""
        if why := obstacle(self.job):
            print(f"Note: the step is not recorded as a CUDA graph: {why}", file=sys.stderr)  # noqa: T201
            return self._eager
        return GraphedStep(self._eager, self.job.update, partial(CUDAGraph, self.model.device))

    def _terms(self) -> dict[str, Tensor]:
        """What each of the terms of a slot that has several has added to its sum, as "slot.name"."""
        sums = {slot: part for slot, part in self.model.parts.items() if isinstance(part, WeightedSum)}
        return {f"{slot}.{name}": value for slot, part in sums.items() for name, value in part.take().items()}


def obstacle(job: TrainingJob) -> str:
    """Why the step of a job cannot be recorded, if it cannot."""
    config, method = job.model.config, job.model.method
    fused = "_step_supports_amp_scaling"
    others = [name for name, group in job.update.groups.items() if not getattr(group.optimizer, fused, False)]
    reasons = {
        f"method {config.method.name!r} looks at values, or does not do the same in each step (is_capturable)": not (
            getattr(method, "is_capturable", False)
        ),
        f"the optimizer of {join_names(others)} is not the fused adam": bool(others),
        "several processes train together": job.world.size > 1,
        "batches come in parts (train.grad_accum_steps)": config.train.grad_accum_steps > 1,
    }
    return next((why for why, is_so in reasons.items() if is_so), "")


def _nothing_trained(method: str, groups: Iterable[str]) -> PluginError:
    return PluginError(
        f"method {method!r} has updated none of its optimizer groups ({join_names(groups)}) in this step",
        hint="Its train_step calls update({group: loss}), which takes the gradients; loss.backward() by hand trains "
        "nothing. Or all weights of its losses are 0.",
    )


def _autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    return torch.autocast(device.type, half) if half else contextlib.nullcontext()


def _channels_last(batch: Batch) -> Batch:
    """The same batch in the layout that GPUs multiply fastest, which maps take from their inputs. Weights stay as they
    are: they, and the moments of their optimizers, are what checkpoints hold."""
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}

    def moved(x: Tensor) -> Tensor:
        return x.contiguous(memory_format=layouts.get(x.dim(), torch.contiguous_format))

    extras = {name: moved(value) for name, value in batch.extras.items()}
    return replace(batch, source=moved(batch.source), target=moved(batch.target), extras=extras)


def _first(batch: HostBatch, count: int) -> HostBatch:
    extras = {k: v[:count] for k, v in batch.extras.items()}
    return HostBatch(batch.source[:count], batch.target[:count], extras, batch.keys[:count], batch.draws[:count])
