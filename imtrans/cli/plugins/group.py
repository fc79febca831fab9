"""imtrans plugins"""

import click

from imtrans.cli.plugins import check, list, new


@click.group("plugins")
def command() -> None:
    """Show the plugins, check them, begin one of your own."""


command.add_command(list.command)
command.add_command(check.command)
command.add_command(new.command)
