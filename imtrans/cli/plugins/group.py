"""imtrans plugins"""

import click


@click.group("plugins")
def command() -> None:
    """Write a plugin, and look at those that are installed."""
