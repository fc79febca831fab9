"""imtrans data"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from imtrans.cli.data import check, make, pack, pair, preview
from imtrans.cli.session import Session
from imtrans.cli.shared.dataset_fetch import instructions, report_verification
from imtrans.cli.shared.download_progress import interruptible, listening, size_of
from imtrans.config.dataset_argument import needs_pairs
from imtrans.errors import DataError
from imtrans.plugins.component import Archive, Component
from imtrans.plugins.options import specs, to_plain

MAX_FACTS = 88  # columns of the facts of a data set on one line


@click.group("data")
def command() -> None:
    """Fetch, make and inspect data sets."""


command.add_command(check.command)
command.add_command(make.command)
command.add_command(pack.command)
command.add_command(pair.command)
command.add_command(preview.command)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
def list_sets(session: Session, as_json: bool) -> None:
    """Show the data sets that have an archive: what they are, where they come from, and their folder if present."""
    sets = {e.name: e.thing for e in session.catalog.entries("dataset") if isinstance(e.thing, Component)}
    rows = [row for row in (_row(*item) for item in sets.items()) if row["url"] or row["site"] or row["folder"]]
    uses = [f"--dataset {name} --set dataset.{option}=" for name, c in sets.items() for option in _photo_options(c)]
    fitting = [e.name for e in session.catalog.entries("recipe") if not needs_pairs(session.catalog, e.name)]
    runs = [f"imtrans run {name} --dataset " for name in fitting]
    texts = ("\n".join(_lines(row, runs if row["source"] else uses)) for row in rows)
    click.echo(json.dumps(rows, indent=1) if as_json else "\n\n".join(texts))


@command.command("path")
@click.argument("name")
@click.pass_obj
def path_of(session: Session, name: str) -> None:
    """Print the folder of data set NAME in the cache."""
    from imtrans.kit.dataset_paths import folder_of, present

    component = session.catalog.component("dataset", name)
    folder = present(component.name)
    if folder is None:
        fetching = f"Fetch it: imtrans data fetch {name}\n" if component.info.archive else ""
        fault = f"data set {name!r}: {folder_of(component.name)} is not there"
        raise DataError(fault, hint=fetching + instructions(component))
    click.echo(folder)


@command.command("fetch")
@click.argument("name")
@click.option("--url", default="", metavar="URL", help="Fetch the archive from here instead.")
@click.option(
    "--archive",
    "archives",
    multiple=True,
    metavar="FILE",
    help="Take it from an archive that you have; for the official Cityscapes zips give it twice.",
)
@click.pass_obj
def fetch(session: Session, name: str, url: str, archives: tuple[str, ...]) -> None:
    """Download data set NAME into the cache (IMTRANS_HOME) and check it. An incomplete one is never used."""
    from imtrans.engine.datasets.dataset_download import fetch_dataset

    component = session.catalog.component("dataset", name)
    files = [Path(a).expanduser() for a in archives]
    with interruptible(component.name), listening(component.name) as listeners:
        fetched = fetch_dataset(component, url=url, archives=files, listeners=listeners)
    if not fetched.is_new:  # so that scripts can call it every time
        click.echo(f"{name} is already there: {fetched.folder}")
        return
    report_verification(component.name, fetched)
    click.echo(f"{name} is in {fetched.folder}")


def _photo_options(component: Component) -> list[str]:
    """The options of a pair maker that take another data set's pictures."""
    return [name for name, spec in specs(component.options).items() if spec.kind == "dataset"]


def _lines(row: dict[str, Any], uses: Sequence[str]) -> Iterator[str]:
    """One data set for people, most of it within 80 columns; `uses`: command lines for a set without pairs."""
    yield f"{row['name']}: {row['summary']}"
    counts = ", ".join(f"{split} {count:,}" for split, count in row["counts"].items())
    pixels = f"{row['pixels'][1]} x {row['pixels'][0]} pixels" if row["pixels"] else "of any size"
    sides = f"{row['source']} to {row['target']}" if row["source"] else "pairs" if row["is_paired"] else "photos"
    size = size_of(row["bytes"]) if row["bytes"] else f"about {size_of(row['roughly'])}" if row["roughly"] else ""
    facts = [t for t in (f"{sides}, {pixels}", counts, size) if t]
    line = "; ".join(facts)
    yield from (f"  {each}" for each in ([line] if len(line) <= MAX_FACTS else [facts[0], "; ".join(facts[1:])]))
    if not row["is_paired"] and uses:
        yield f"  use: {uses[0]}{row['name']}" + (
            " (or another pair maker)" if len(uses) > 1 and not row["source"] else ""
        )
    if row["url"]:
        yield f"  from {row['url']}"
    elif row["site"]:
        yield f"  behind a login: {row['site']}"
    if row["originals"]:
        yield f"  or made from {' and '.join(row['originals'])}"
    yield f"  terms: {row['terms'] or 'not stated'}"
    yield f"  here: {row['folder'] or 'no'}"


def _row(name: str, component: Component) -> dict[str, Any]:
    from imtrans.engine.datasets.dataset_install import record_of
    from imtrans.kit.dataset_paths import present
    from imtrans.net.http import display_url

    info, archive = component.info, component.info.archive or Archive()
    folder = present(component.name)
    # The page names source and target as a run without data.direction would take them.
    first, second = info.sides if info.direction == "AtoB" else info.sides[::-1]
    return {
        "name": name,
        "summary": component.summary,
        "folder": str(folder) if folder else None,
        "is_paired": info.is_paired,
        "direction": info.direction,
        "source": first,
        "target": second,
        "pixels": list(info.pixels) if info.pixels else None,
        "counts": dict(archive.counts),
        "bytes": archive.size,
        "roughly": archive.approx_bytes,
        "url": display_url(archive.url) if archive.url else None,
        "site": archive.site or None,
        "originals": list(archive.originals),
        "pinned": archive.sha256 or None,
        "sha256": record_of(component.name).get("sha256") if folder else None,
        "terms": info.terms,
        "advice": to_plain(dict(info.advice)),
    }
