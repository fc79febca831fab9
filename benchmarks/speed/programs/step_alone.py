"""Our training step alone: FOLDER of pairs, SIZE, BATCH, STEPS, PRECISION. One batch, no data, log or evaluation.

Prints one line of JSON: the seconds of each step.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.speed.settings import run_config
from imtrans.engine.data.prefetch import Prefetcher
from imtrans.engine.device import tune_malloc
from imtrans.engine.training import setup
from imtrans.engine.training.job import TrainingJob, remaining_samples
from imtrans.engine.training.meters import LossMeter
from imtrans.engine.training.train_step import TrainStep
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import Selection, discover


def prepared(folder: Path, top: Path, *, steps: int, **given: object) -> tuple[TrainingJob, Callable[[], None]]:
    """The job of a run in `top`, and what takes one step of it, always with the first batch."""
    tune_malloc()
    plugins = discover(Selection(others=False))
    catalog = Catalog(plugins.records)
    config = run_config(catalog, folder, steps=steps, **given)
    job = setup.setup_training(config, catalog=catalog, plugins=plugins, folder=top / "run", is_quiet=True)
    step = TrainStep(job, LossMeter(job.progress, job.world))
    order = remaining_samples(job.model.config, len(job.training.source.dataset), job.progress)
    samples, host_batches = next(iter(Prefetcher(loading=job.training, order=order, workers=0)))

    def take_step() -> None:
        step(samples, host_batches)
        job.update.faults = []

    return job, take_step


def main(folder: Path, size: int, batch: int, steps: int, precision: str) -> None:
    taken = []
    with tempfile.TemporaryDirectory() as top:
        _, take_step = prepared(folder, Path(top), size=size, batch=batch, steps=steps, precision=precision)
        for _ in range(steps):
            began = time.perf_counter()
            take_step()
            taken.append(time.perf_counter() - began)
    print(json.dumps({"seconds": taken}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]), sys.argv[5])
