"""The common activations, all from torch."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class LeakyReLU:
    """Options of leaky-relu."""

    slope: float = option(0.2, "slope for negative values; the paper 0.2, Keras's default 0.3", low=0)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """ReLU, leaky ReLU, SiLU and GELU."""
    yield Component(kind="activation", name="relu", target="torch.nn:ReLU", summary="max(0, x)")
    yield Component(
        kind="activation",
        name="leaky-relu",
        target="imtrans_activations.leaky:leaky_relu",
        summary="x, but slope times x for negative x",
        options=LeakyReLU,
    )
    yield Component(kind="activation", name="silu", target="torch.nn:SiLU", summary="x sigmoid(x), also called swish")
    yield Component(
        kind="activation", name="gelu", target="torch.nn:GELU", summary="x times the normal distribution function"
    )
