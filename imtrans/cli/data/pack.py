"""imtrans data pack"""

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, configured
from imtrans.cli.shared.progress import progress


@click.command("pack")
@click.argument("dataset", metavar="NAME|PATH")
@click.option("--data-root", metavar="DIR", help="Folder that holds the named data sets.")
@click.option("-o", "--output", required=True, metavar="DIR|URL", help="Folder, or an address such as s3://BUCKET/SET.")
@click.option(
    "--shard-size", default=256, show_default=True, type=click.IntRange(1), metavar="MB", help="Megabytes of a shard."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set any dataset.* or data.* key.")
@click.pass_obj
def command(
    session: Session,
    dataset: str,
    data_root: str | None,
    output: str,
    shard_size: int,
    settings: tuple[str, ...],
) -> None:
    """Pack the pairs of a data set into tar files with an index: few large files instead of many small ones.

    The order, the splits and every pixel stay: training on them gives the same weights. Pictures that are files of
    their own go in as they are.
    """
    flags = ConfigFlags(dataset=dataset, data_root=data_root, settings=settings)
    config = configured(session.catalog, None, flags)
    from imtrans.engine.data.pack_pairs import pack_pairs
    from imtrans.kit.stores import open_store

    with progress("packing pairs") as tick:
        packed = pack_pairs(config, open_store(output), shard_bytes=shard_size * 1_000_000, tick=tick)
    counts = ", ".join(f"{count:,} {split}" for split, count in packed.counts.items())
    click.echo(f"{counts} in {packed.shards} shards of {packed.bytes / 1e6:,.1f} MB in all: {output}")
    click.echo(f"Train on them: imtrans run {config.recipe} --dataset {output}")
