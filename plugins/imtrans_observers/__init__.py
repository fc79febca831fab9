"""Observers of a run: progress, log, sample images, report.

Each class that every run has is an entry point of its own in pyproject.toml; the others are components.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class WandbOptions:
    """Options of the observer for Weights & Biases."""

    project: str = option("imtrans", "project that the run is logged to", example="facades")
    entity: str | None = option(None, "user or team that has the project; none: as wandb is set up", example="my-team")
    mode: Literal["online", "offline"] | None = option(
        None, "offline: write into the run folder, for wandb sync; none: as WANDB_MODE says, else online"
    )


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Two trackers."""
    yield Component(
        kind="observer",
        name="tensorboard",
        target="imtrans_observers.tensorboard:TensorBoardObserver",
        summary="numbers and images as an event file for TensorBoard (extra tensorboard)",
    )
    yield Component(
        kind="observer",
        name="wandb",
        target="imtrans_observers.wandb:WandbObserver",
        summary="numbers and images to Weights & Biases, online or offline (extra wandb)",
        options=WandbOptions,
    )
