"""imtrans card"""

import shutil
from pathlib import Path

import click

from imtrans.errors import ConfigError, ResourceError, printable


@click.command("card")
@click.argument("run", metavar="RUN|FILE|RUN@best")
@click.option("-o", "--output", metavar="FILE", help="Write it there, and its pictures beside it in samples/.")
@click.option("--licence", default="", metavar="TEXT", help="Terms of use; without it: those of the run.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def command(run: str, output: str | None, licence: str, overwrite: bool) -> None:
    """Print the card of a model in Markdown: what it is, how it was trained, its stored figures, how to use it.

    Its front matter is that of the Hugging Face Hub. Nothing in it tells of this machine.
    """
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.runs.model_card import model_card
    from imtrans.engine.runs.stored_evaluations import stored_evaluations
    from imtrans.kit.report import samples

    checkpoint = checkpoint_paths.find(Path(run))
    sheets = {} if checkpoint.is_file() else samples.grids(checkpoint.parent)
    sheet = sheets[max(sheets)] if sheets else None
    name = f"{samples.FOLDER}/{sheet.name}" if sheet else ""
    text = model_card(checkpoint, licence=licence, samples=[name] if name else [])
    if not checkpoint.is_file() and not stored_evaluations(checkpoint):
        note = f"Note: no evaluation of {checkpoint.name} is stored, so its card has no figures: imtrans evaluate {run}"
        click.echo(printable(note), err=True)
    if output is None:
        click.echo(text, nl=False)
        return
    path = Path(output)
    if path.exists() and not overwrite:
        raise ConfigError(f"-o {path}: it exists", hint="Give another name, or --overwrite.")
    _write(path, text, sheet, path.parent / name)
    click.echo("\n".join(printable(str(p)) for p in ([path, path.parent / name] if sheet else [path])))


def _write(path: Path, text: str, sheet: Path | None, picture: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if sheet and not (picture.exists() and picture.samefile(sheet)):
            picture.parent.mkdir(exist_ok=True)
            shutil.copyfile(sheet, picture)
    except OSError as error:
        raise ResourceError(f"-o {path}: cannot be written: {error.strerror or error}") from None
