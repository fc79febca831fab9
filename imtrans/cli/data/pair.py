"""imtrans data pair"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, configured
from imtrans.errors import ConfigError, DataError, printable

if TYPE_CHECKING:
    from imtrans.kit.pairing.guess import Guess
    from imtrans.kit.pairing.table import Table


@click.command("pair")
@click.argument("folder")
@click.option("-o", "--output", default="pairs.csv", metavar="FILE", help="Table to write; pairs.csv.")
@click.option("--take", type=click.IntRange(1), metavar="N", help="Take number N of what it could be; 1.")
@click.option("--swap", is_flag=True, help="Exchange source and target.")
@click.option("--overwrite", is_flag=True, help="Replace the table and its sheet if they are there.")
@click.pass_obj
def command(session: Session, folder: str, output: str, take: int | None, swap: bool, overwrite: bool) -> None:
    """Find out what makes the pairs in FOLDER, and write a table of them and a sheet of the first ones to look at.

    Names, folders, pages and panels are tried, at any depth. Pairs of one patient, slide or folder stay in one split.
    """
    path, place = Path(output), Path(folder).expanduser()
    sheet = path.with_suffix(".png")
    taken = next((p for p in (path, sheet) if p.exists()), None)
    if taken and not overwrite:
        raise ConfigError(f"{taken} exists", hint="Give another file with -o, or --overwrite.")
    if not place.is_dir():
        raise DataError(f"{folder}: no such folder", hint="Give the path of a folder of pictures.")
    from imtrans.kit.images import encode
    from imtrans.kit.pairing.guess import guesses
    from imtrans.kit.pairing.table import pair_sheet, write_table

    found = guesses(place)
    guess = _chosen(found, folder, take or 1)
    encode(sheet, pair_sheet(place, guess.pairs, is_swapped=swap))
    table = write_table(path, place, guess, is_swapped=swap)
    recipe = configured(session.catalog, None, ConfigFlags(dataset=str(path))).recipe
    click.echo("\n".join(_lines(found, guess, table, path)))
    click.echo(f"{sheet}: the first pairs, source left, target right; look at them" + ("" if swap else " (--swap)"))
    click.echo(f"Train on them: imtrans run {recipe} --dataset {path}")


def _chosen(found: "Sequence[Guess]", folder: str, take: int) -> "Guess":
    """Number `take` of what a folder could be. DataError where that makes no pairs, with what it looks like."""
    if not found:
        raise DataError(f"{folder}: 0 pictures in it", hint="Give the path of a folder of pictures.")
    if not found[0].pairs:
        hint = "A pair maker makes the other side of photos: imtrans list datasets"
        raise DataError(f"{folder}: no pairs; it looks like {found[0].says}", hint=hint)
    if take > len(found):
        raise ConfigError(f"--take {take}: it could be {len(found)} thing{'s' * (len(found) != 1)}")
    return found[take - 1]


def _lines(found: "Sequence[Guess]", guess: "Guess", table: "Table", path: Path) -> Iterator[str]:
    for number, other in enumerate(found, 1):
        is_clear = bool(other.fit and other.fit.is_evident)
        fit = f"{other.fit} that were looked at fit" + ("" if is_clear else ", as by chance")
        yield f"{number}. {printable(other.says)}: {len(other.pairs):,} pairs; {fit}" + ("; taken" * (other is guess))
    if len(found) > 1:
        yield "   Another one: --take N"
    splits = ", ".join(f"{count:,} {split}" for split, count in table.splits.items() if split)
    yield f"{path}: {len(guess.pairs):,} pairs{f' ({splits})' if splits else ''}"
    if table.groups:
        yield f"   {table.groups:,} groups by {table.grouped_by}; none is in two splits"
