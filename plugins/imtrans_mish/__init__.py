"""The Mish activation."""

from collections.abc import Iterable

from imtrans import Component, hookimpl


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """One activation: the shortest complete plugin."""
    yield Component(
        kind="activation",
        name="mish",
        target="torch.nn:Mish",
        summary="x tanh(softplus(x)) (Misra 2019)",
    )
