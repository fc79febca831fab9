"""imtrans import"""

from pathlib import Path

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, layer
from imtrans.errors import printable


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--name", metavar="NAME", help="Name of the run that is made; else the file's, or its folder's.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a key, as inference.dropout.")
@click.pass_obj
def command(session: Session, /, files: tuple[str, ...], name: str | None, settings: tuple[str, ...]) -> None:
    """Make a run of another program's weights: a generator, and its discriminator if you give it, too.

    Pickled files (.pth) are read with tensors alone allowed: what asks for anything else is refused, none of it run.
    """
    from imtrans.engine.importing import weight_import

    paths = [Path(f) for f in files]
    versions = session.plugins.versions()
    made = weight_import.import_run(
        paths, catalog=session.catalog, plugins=versions, name=name, layers=[layer(ConfigFlags(settings=settings))]
    )
    for line in made.lines:
        click.echo(printable(line))
    folder = made.checkpoint.parent
    click.echo(f"Model:    {made.checkpoint}\nUse it:   imtrans translate {folder} PICTURES -o OUT")
