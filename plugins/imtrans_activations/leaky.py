"""Leaky ReLU under the name that the field gives its slope."""

from torch import nn


def leaky_relu(*, slope: float) -> nn.Module:
    """x where it is positive, else slope times x."""
    return nn.LeakyReLU(slope)
