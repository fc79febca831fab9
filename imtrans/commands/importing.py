"""imtrans import"""

from pathlib import Path
from typing import Any

import click

from imtrans.cli import Session
from imtrans.commands.run import layer
from imtrans.errors import printable


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--name", metavar="NAME", help="Name of the run that is made; else the file's, or its folder's.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a key, as inference.dropout.")
@click.pass_obj
def command(session: Session, /, files: tuple[str, ...], name: str | None, **given: Any) -> None:
    """Make a run of another program's weights: a generator, and its discriminator if you give it, too.

    Pickled files (.pth) are read with tensors alone allowed: what asks for anything else is refused, none of it run.
    """
    from imtrans.engine import importing

    paths = [Path(f) for f in files]
    versions = session.plugins.versions()
    made = importing.bring(paths, catalog=session.catalog, plugins=versions, name=name, layers=[layer(given)])
    for line in made.lines:
        click.echo(printable(line))
    folder = made.checkpoint.parent
    click.echo(f"Model:    {made.checkpoint}\nUse it:   imtrans translate {folder} PICTURES -o OUT")
