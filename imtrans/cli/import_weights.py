"""imtrans import"""

from pathlib import Path

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, layer
from imtrans.errors import printable


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE|FOLDER...")
@click.option("--name", metavar="NAME", help="Name of the new run; without it: the file's, or its folder's.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a key, as inference.dropout.")
@click.pass_obj
def command(session: Session, /, files: tuple[str, ...], name: str | None, settings: tuple[str, ...]) -> None:
    """Make a run from another program's weights: a generator, and what it was trained with if that is given.

    CycleGAN's two generators make one run that translates both ways. Of a folder the latest weights are taken.

    From pickled files (.pth) only tensors are read; a file that holds anything else is refused, and none of it runs.
    """
    from imtrans.engine.importing import weight_import

    paths = [Path(f) for f in files]
    versions = session.plugins.versions()
    result = weight_import.import_run(
        paths, catalog=session.catalog, plugins=versions, name=name, layers=[layer(ConfigFlags(settings=settings))]
    )
    for line in result.lines:  # they hold names of tensors, which come from the file
        click.echo(printable(line))
    folder = result.checkpoint.parent
    click.echo(f"Model:    {result.checkpoint}\nUse it:   imtrans translate {folder} PICTURES -o OUT")
