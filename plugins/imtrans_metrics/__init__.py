"""Metrics of image pairs and of sets of images, and the protocols that define how they are computed."""

from collections.abc import Iterable

from imtrans import Component, EvalProtocol, hookimpl
from imtrans_metrics.components import metric_components
from imtrans_metrics.protocols import protocols


@hookimpl
def imtrans_provide() -> Iterable[Component | EvalProtocol]:
    """All metrics and protocols."""
    yield from metric_components()
    yield from protocols()
