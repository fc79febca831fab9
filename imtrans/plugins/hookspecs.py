"""The hooks a plugin may implement, and the two markers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    from imtrans.interfaces import Run, Sample
    from imtrans.plugins.component import Component
    from imtrans.plugins.recipe import EvalProtocol, Recipe

# pluggy passes arguments by name: an implementation may leave out those that it does not use.
hookspec = pluggy.HookspecMarker("imtrans")
hookimpl = pluggy.HookimplMarker("imtrans")


# A hook specification has no body: pluggy reads its signature and never calls it.
@hookspec
def imtrans_provide() -> "Iterable[Component | Recipe | EvalProtocol]":  # type: ignore[empty-body]
    """What the plugin offers. Called once, before torch is imported: import nothing heavy here."""


@hookspec
def imtrans_run_started(run: "Run") -> None:
    """Training is about to take its first step; the run folder exists."""


@hookspec
def imtrans_logged(run: "Run", step: int, values: Mapping[str, float]) -> None:
    """Every `train.log_every` steps: the mean of each loss since the last call; `step` steps are done."""


@hookspec
def imtrans_evaluated(run: "Run", step: int, metrics: Mapping[str, float], samples: "Sequence[Sample]") -> None:
    """Validation pictures were translated; `metrics` is empty where only samples were asked for.

    `samples` are the same few pictures each time; with metrics the worst of all pictures follow, worst first.
    """


@hookspec
def imtrans_checkpoint_saved(run: "Run", step: int, path: "Path") -> None:
    """The folder `path` holds a whole checkpoint."""


@hookspec
def imtrans_run_finished(run: "Run", error: BaseException | None) -> None:
    """Training has ended; `error` is what ended it early, if anything. Called after a failure too."""
