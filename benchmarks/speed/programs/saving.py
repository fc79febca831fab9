"""How long a save keeps the training waiting: FOLDER of pairs, SIZE, ROUNDS. All state of the paper's two networks.

plain: torch.save of both networks and both optimizers, fsync. ours: until training goes on, and until the checkpoint is
there. Prints one line of JSON.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.speed.programs.step_alone import prepared
from imtrans.engine.training.checkpoint_saver import CheckpointSaver
from imtrans.engine.training.job import TrainingJob


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def plain_save(job: TrainingJob, path: Path) -> None:
    state = {f"network.{n}": network.state_dict() for n, network in job.model.networks.items()}
    state |= {f"optimizer.{n}": group.optimizer.state_dict() for n, group in job.update.groups.items()}
    with path.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def main(folder: Path, size: int, rounds: int) -> None:
    taken: dict[str, list[float]] = {"plain": [], "ours": [], "until_written": []}
    with tempfile.TemporaryDirectory(dir=folder) as top:
        job, take_step = prepared(folder, Path(top), size=size, batch=1, steps=rounds + 9, precision="float32")
        saver = CheckpointSaver(job)
        for _ in range(rounds + 1):
            take_step()
            taken["plain"].append(seconds(lambda: plain_save(job, Path(top) / "plain.pt")))
            began = time.perf_counter()
            saver.save()
            taken["ours"].append(time.perf_counter() - began)
            saver.settle()
            taken["until_written"].append(time.perf_counter() - began)
        saver.close()
    print(json.dumps({name: values[1:] for name, values in taken.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
