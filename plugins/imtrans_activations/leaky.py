"""Leaky ReLU with an option called `slope`."""

from torch import nn


def leaky_relu(*, slope: float) -> nn.Module:
    """x where it is positive, else slope times x."""
    # Positional: torch calls it negative_slope, and an option has one name in all configurations.
    return nn.LeakyReLU(slope)
