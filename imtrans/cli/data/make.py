"""imtrans data make"""

from pathlib import Path

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, configured
from imtrans.cli.shared.progress import progress
from imtrans.errors import ConfigError
from imtrans.plugins.options import CliText, OptionSpec, coerce

SIZE = OptionSpec(name="size", type=tuple[int, ...], default=(), low=1)


@click.command("make")
@click.argument("name")
@click.option("--data-root", metavar="DIR", help="Folder of photos.")
@click.option("-o", "--output", required=True, metavar="OUT", help="Folder for the pairs; it must not exist.")
@click.option(
    "--size", metavar="N", help="Bring photos to this size first; a fixed filter then means the same for all."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set any dataset.* or data.* key.")
@click.pass_obj
def command(
    session: Session, name: str, data_root: str | None, output: str, size: str | None, settings: tuple[str, ...]
) -> None:
    """Write the pairs of a data set or pair maker to disk, side by side, for training or to look at."""
    pixels: tuple[int, ...] = coerce(CliText(size), SIZE, where="--size") if size is not None else ()
    if len(pixels) > 2:
        raise ConfigError(f"--size {size}: must be one number, or height and width")
    flags = ConfigFlags(dataset=name, data_root=data_root, settings=settings)
    # A recipe matters here only by its values of `data.*`.
    config = configured(session.catalog, None, flags)
    from imtrans.engine.data.export_pairs import write_pairs

    with progress("making pairs") as tick:
        counts = write_pairs(config, Path(output), size=pixels, tick=tick)
    written = ", ".join(f"{count:,} for {split}" for split, count in counts.items())
    click.echo(f"{written} in {output}: source left, target right")
    click.echo(f"Train on them: imtrans run {config.recipe} --dataset {output}")
