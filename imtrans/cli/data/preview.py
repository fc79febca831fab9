"""imtrans data preview"""

from pathlib import Path

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, configured
from imtrans.errors import ConfigError


@click.command("preview")
@click.argument("dataset")
@click.option(
    "--data-root", metavar="DIR", help="Folder that holds the named data sets, or the photos of a pair maker."
)
@click.option("-o", "--output", default="preview.png", metavar="FILE", help="Picture to write; preview.png.")
@click.option("--recipe", metavar="NAME", help="Recipe whose augmentation is shown.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set any configuration key.")
@click.option("--count", type=click.IntRange(1, 200), default=12, help="How many pairs; 12.")
@click.option("--overwrite", is_flag=True, help="Replace the picture if it is there.")
@click.pass_obj
def command(
    session: Session,
    dataset: str,
    data_root: str | None,
    output: str,
    recipe: str | None,
    settings: tuple[str, ...],
    count: int,
    overwrite: bool,
) -> None:
    """Write one sheet of training pairs, resized and augmented, as the network will see them."""
    flags = ConfigFlags(dataset=dataset, data_root=data_root, settings=settings)
    config = configured(session.catalog, recipe, flags)
    path = Path(output)
    # Before the data set is read: that can take minutes.
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} exists", hint="Give another file with -o, or --overwrite.")
    from imtrans.engine.build import ComponentFactory
    from imtrans.engine.data.preview import preview
    from imtrans.kit.images import encode

    encode(path, preview(config, ComponentFactory(session.catalog), count=count))
    click.echo(f"{path}: source left, target right, as {config.direction}")
