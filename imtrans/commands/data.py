"""imtrans data"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imtrans.cli import Session
from imtrans.commands import check, make, preview
from imtrans.commands.downloading import interruptible, listening, size_of
from imtrans.component import Archive, Component, Use
from imtrans.config import Choice
from imtrans.errors import DataError
from imtrans.options import plain

if TYPE_CHECKING:
    from imtrans.engine.fetching import Fetched


@click.group("data")
def command() -> None:
    """Fetch, make and inspect data sets."""


command.add_command(check.command)
command.add_command(make.command)
command.add_command(preview.command)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
def list_sets(session: Session, as_json: bool) -> None:
    """Show the data sets that have an archive: what they are, where from, and where those are that are there."""
    rows = [_row(o.name, o.thing) for o in session.catalog.offers("dataset") if isinstance(o.thing, Component)]
    rows = [r for r in rows if r["url"] or r["site"] or r["folder"]]
    click.echo(json.dumps(rows, indent=1) if as_json else "\n\n".join("\n".join(_lines(r)) for r in rows))


@command.command("path")
@click.argument("name")
@click.pass_obj
def path_of(session: Session, name: str) -> None:
    """Print the folder of data set NAME in the cache."""
    from imtrans.kit.shelf import folder_of, present

    component = session.catalog.component("dataset", name)
    folder = present(component.name)
    if folder is None:
        fetching = f"Fetch it: imtrans data fetch {name}\n" if component.info.archive else ""
        what = f"data set {name!r}: {folder_of(component.name)} is not there"
        raise DataError(what, mend=fetching + _by_hand(component))
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
    """Bring data set NAME into the cache (IMTRANS_HOME): whole, checked, or not at all."""
    from imtrans.engine.fetching import fetch_dataset

    component = session.catalog.component("dataset", name)
    files = [Path(a).expanduser() for a in archives]
    with interruptible(component.name), listening(component.name) as listeners:
        fetched = fetch_dataset(component, url=url, archives=files, listeners=listeners)
    if not fetched.is_new:
        click.echo(f"{name} is already there: {fetched.folder}")
        return
    tell(component.name, fetched)
    click.echo(f"{name} is in {fetched.folder}")


def fetch_if_missing(dataset: Choice, *, is_offline: bool) -> None:
    """Fetch the named data sets that a run needs and the cache lacks. DataError with `is_offline`.

    Whoever gives a `root` says where the sets are: if one is not there, that is said, and nothing is fetched.
    """
    from imtrans.kit.shelf import folder_of, present

    for component, root in _needed(dataset):
        archive = component.info.archive
        if archive is None or root or present(component.name):
            continue
        if is_offline:
            lacking = f"data set {component.name!r}: {folder_of(component.name)} is not there"
            fetching = f"Where there is a network: imtrans data fetch {component.name}\n"
            raise DataError(f"{lacking}, and --offline fetches nothing", mend=fetching + _by_hand(component))
        from imtrans.engine.fetching import fetch_dataset

        with interruptible(component.name), listening(component.name) as listeners:
            tell(component.name, fetch_dataset(component, listeners=listeners))


def _needed(dataset: Choice) -> Iterator[tuple[Component, str | None]]:
    """The data set and those that its options name, with the folder in which each is looked for."""
    root = getattr(dataset.options, "root", None)
    own = {u.name: u.options.get("root") for u in vars(dataset.options).values() if isinstance(u, Use)}
    yield dataset.component, root
    yield from ((component, own.get(name) or root) for name, component in dataset.inner.items())


def tell(name: str, fetched: "Fetched") -> None:
    """Whether what was fetched is what its declaration pins."""
    if fetched.is_new and not fetched.is_verified:
        record = fetched.folder.with_name(f"{name}.json")
        why = f"its sha256 is not the pinned {fetched.pinned}" if fetched.pinned else "no sha256 is pinned for it"
        click.echo(f"{name}: unverified, {why}; {fetched.sha256} is kept in {record}", err=True)


def _by_hand(component: Component) -> str:
    from imtrans.kit.shelf import by_hand

    archive: Archive | None = component.info.archive
    return by_hand(component.name, places=archive.places if archive else {})


def _lines(row: dict[str, Any]) -> Iterator[str]:
    """One data set for people, most of it within 80 columns."""
    yield f"{row['name']}: {row['summary']}"
    counts = ", ".join(f"{split} {count:,}" for split, count in row["counts"].items())
    pixels = f"{row['pixels'][1]} x {row['pixels'][0]} pixels" if row["pixels"] else "of any size"
    sides = f"{row['source']} to {row['target']}" if row["source"] else "pairs" if row["is_paired"] else "photos"
    size = size_of(row["bytes"]) if row["bytes"] else f"about {size_of(row['roughly'])}" if row["roughly"] else ""
    yield "  " + "; ".join(t for t in (f"{sides}, {pixels}", counts, size) if t)
    if not row["is_paired"]:
        yield f"  use: --dataset pencil (or another maker) --set dataset.photos={row['name']}"
    if row["url"]:
        yield f"  from {row['url']}"
    elif row["site"]:
        yield f"  behind a login: {row['site']}"
    if row["originals"]:
        yield f"  or made from {' and '.join(row['originals'])}"
    yield f"  terms: {row['terms'] or 'not stated'}"
    yield f"  here: {row['folder'] or 'no'}"


def _row(name: str, component: Component) -> dict[str, Any]:
    from imtrans.engine.shelving import record_of
    from imtrans.kit.shelf import present
    from imtrans.kit.web import shown

    info, archive = component.info, component.info.archive or Archive()
    folder = present(component.name)
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
        "roughly": archive.roughly,
        "url": shown(archive.url) if archive.url else None,
        "site": archive.site or None,
        "originals": list(archive.originals),
        "pinned": archive.sha256 or None,
        "sha256": record_of(component.name).get("sha256") if folder else None,
        "terms": info.terms,
        "advice": plain(dict(info.advice)),
    }
