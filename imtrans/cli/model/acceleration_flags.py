"""The flags that make a loaded model faster."""

from collections.abc import Callable
from typing import Any

import click

_PRECISION = click.option(
    "--precision",
    type=click.Choice(["float32", "bf16"]),
    default="float32",
    show_default=True,
    help="bf16: half the time where the device has instructions for it; pictures differ by some levels.",
)
_FAST = click.option(
    "--fast", "is_fast", is_flag=True, help="Fold norms into convolutions, where the inference policy allows it."
)
_COMPILE = click.option(
    "--compile", "is_compiled", is_flag=True, help="Compile the networks first, for GPUs: tens of seconds a size."
)


def acceleration_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --precision, --fast and --compile to a command."""
    return _PRECISION(_FAST(_COMPILE(command)))
