"""Metrics of pictures, of pairs and of sets, and the protocols that say what their numbers mean."""

from collections.abc import Iterable

from imtrans import Component, EvalProtocol, hookimpl
from imtrans_metrics.components import metric_components
from imtrans_metrics.protocols import protocols


@hookimpl
def imtrans_provide() -> Iterable[Component | EvalProtocol]:
    yield from metric_components()
    yield from protocols()
