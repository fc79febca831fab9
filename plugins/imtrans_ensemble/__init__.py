"""Several generators as one, which gives the mean of what they give."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, ComponentRef, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class EnsembleOptions:
    """Which generators, and how many."""

    of: ComponentRef = option(ComponentRef("unet256"), "the generator that each member is", kind="generator")
    members: int = option(5, "how many there are, each with weights of its own", low=1, unit="generators")


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """The mean of several generators."""
    yield Component(
        kind="generator",
        name="ensemble",
        target="imtrans_ensemble.network:ensemble",
        summary="the mean of several generators of one kind, as trained on other parts of the data",
        options=EnsembleOptions,
        needs_context=True,
    )
