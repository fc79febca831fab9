"""Checks of observers."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imtrans.interfaces import Run, Sample
from imtrans.testing.contract import catalog, check, make, require, within_contract


@check
def check_observer(name: str, **options: Any) -> None:
    """An observer hears a whole run, a resumed one and one that fails, writes into the run's folder, and else nothing.

    Its random numbers are its own: it must not draw from torch's generator, or it would change the training.
    """
    import pluggy
    import torch

    from imtrans.engine.training.hooks import register
    from imtrans.plugins import hookspecs

    manager = pluggy.PluginManager("imtrans")
    manager.add_hookspecs(hookspecs)
    before = torch.random.get_rng_state()
    with _empty_folder() as folder:
        with within_contract():
            register(manager, {name: make("observer", name, **options)})
        require(manager.get_hookcallers(*manager.get_plugins()), f"{name}: it has no hook: mark them with @hookimpl")
        for start, end in ((0, None), (4, None), (4, RuntimeError("made by the check"))):
            _run(manager.hook, _run_record(folder / "run", start), end)
        others = [path.name for path in folder.iterdir() if path.name != "run"]
        require(not others, f"{name}: wrote {others} into the working directory, not into run.folder")
    require(torch.equal(before, torch.random.get_rng_state()), f"{name}: drew from torch's generator")


@contextlib.contextmanager
def _empty_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        (Path(folder) / "run").mkdir()
        yield Path(folder)


def _run_record(folder: Path, start: int) -> Run:
    from imtrans.config.resolve import resolve
    from imtrans.plugins.defaults import default_recipe

    offered = catalog()
    config = resolve(offered, default_recipe(offered))
    return Run(folder=folder, config=config, steps=8, start=start, numbers={"l1": False}, pairs=4, is_quiet=True)


def _run(hook: Any, run: Run, error: BaseException | None) -> None:
    """The events of a run, in their order."""
    hook.imtrans_run_started(run=run)
    for step in (run.start + 1, run.start + 2):
        hook.imtrans_logged(run=run, step=step, values={"adversarial": 0.7, "health.lr.generator": 2e-4})
    hook.imtrans_evaluated(run=run, step=step, metrics={}, samples=_samples())
    hook.imtrans_evaluated(run=run, step=step, metrics={"l1": 0.5, "psnr": float("inf")}, samples=_samples())
    checkpoint = run.folder / f"step-{step:06}"
    checkpoint.mkdir(exist_ok=True)
    hook.imtrans_checkpoint_saved(run=run, step=step, path=checkpoint)
    hook.imtrans_run_finished(run=run, error=error)


def _samples() -> list[Sample]:
    import numpy as np

    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    return [
        Sample(key="one", source=picture, prediction=255 - picture, target=picture, scores={"l1": 0.5}),
        Sample(key="no-target", source=picture, prediction=picture, is_worst=True),
    ]
