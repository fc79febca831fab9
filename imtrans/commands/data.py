"""imtrans data"""

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from imtrans.cli import Session
from imtrans.commands import make, preview
from imtrans.component import Component
from imtrans.errors import DataError

if TYPE_CHECKING:
    from imtrans.engine.fetching import Fetched, Listeners

EVERY_SECONDS = 10.0


@click.group("data")
def command() -> None:
    """Fetch, make and inspect data sets."""


command.add_command(make.command)
command.add_command(preview.command)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
def list_sets(session: Session, as_json: bool) -> None:
    """Show the data sets that can be fetched, and where those are that are there."""
    rows = [_row(o.name, o.thing) for o in session.catalog.offers("dataset") if isinstance(o.thing, Component)]
    rows = [r for r in rows if r["url"] or r["folder"]]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        counts = ", ".join(f"{split} {count:,}" for split, count in row["counts"].items())
        click.echo(f"{row['name']}: {row['folder'] or 'not here'}{f' ({counts})' if counts else ''}")
        click.echo(f"  terms: {row['terms'] or 'not stated'}")


@command.command("path")
@click.argument("name")
@click.pass_obj
def path_of(session: Session, name: str) -> None:
    """Print the folder of data set NAME in the cache."""
    from imtrans.kit.shelf import by_hand, folder_of, present

    component = session.catalog.component("dataset", name)
    folder = present(component.name)
    if folder is None:
        fetching = f"Fetch it: imtrans data fetch {name}\n" if component.info.archive else ""
        what = f"data set {name!r}: {folder_of(component.name)} is not there"
        raise DataError(what, mend=fetching + by_hand(component.name))
    click.echo(folder)


@command.command("fetch")
@click.argument("name")
@click.option("--url", default="", metavar="URL", help="Fetch the archive from here instead.")
@click.pass_obj
def fetch(session: Session, name: str, url: str) -> None:
    """Fetch data set NAME into the cache (IMTRANS_HOME): whole, checked, or not at all."""
    from imtrans.engine.fetching import fetch_dataset

    component = session.catalog.component("dataset", name)
    with listening(component.name) as listeners:
        fetched = fetch_dataset(component, url=url, listeners=listeners)
    if not fetched.is_new:
        click.echo(f"{name} is already there: {fetched.folder}")
        return
    tell(component.name, fetched)
    click.echo(f"{name} is in {fetched.folder}")


def fetch_if_missing(component: Component, *, root: str | None, is_offline: bool) -> None:
    """Fetch a named data set that is not in the cache. DataError with `is_offline`.

    Whoever gives a `root` says where the set is: if it is not there, that is said, and nothing is fetched.
    """
    from imtrans.kit.shelf import by_hand, folder_of, present

    if component.info is None or component.info.archive is None or root or present(component.name):
        return
    if is_offline:
        what = f"data set {component.name!r}: {folder_of(component.name)} is not there, and --offline fetches nothing"
        fetching = f"Where there is a network: imtrans data fetch {component.name}\n"
        raise DataError(what, mend=fetching + by_hand(component.name))
    from imtrans.engine.fetching import fetch_dataset

    with listening(component.name) as listeners:
        tell(component.name, fetch_dataset(component, listeners=listeners))


def tell(name: str, fetched: "Fetched") -> None:
    """Whether what was fetched is what its declaration pins."""
    if fetched.is_new and not fetched.is_verified:
        record = fetched.folder.with_name(f"{name}.json")
        click.echo(f"{name}: unverified, no sha256 is pinned for it; {fetched.sha256} is kept in {record}", err=True)


@contextlib.contextmanager
def listening(name: str) -> Iterator["Listeners"]:
    """Shows a download on stderr: a bar with rate and remaining time on a terminal, else a line now and then."""
    from imtrans.engine.fetching import Listeners

    if not sys.stderr.isatty():
        yield Listeners(say=lambda text: click.echo(text, err=True), tick=_Lines(name))
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    screen = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=screen, transient=True) as bar:
        task = bar.add_task(name, total=None)

        def tick(done: int, count: int) -> None:
            bar.update(task, completed=done, total=count or None)

        yield Listeners(say=lambda text: screen.print(text, markup=False, highlight=False), tick=tick)


class _Lines:
    """Progress where there is no terminal: the size at once, then a line every ten seconds."""

    def __init__(self, name: str) -> None:
        self.name, self.began, self.last, self.first = name, time.monotonic(), 0.0, 0

    def __call__(self, done: int, count: int) -> None:
        now = time.monotonic()
        if not self.last or done < self.first:
            self.began, self.last, self.first = now, now, done
            click.echo(f"{self.name}: downloading {megabytes(count) if count else 'an unknown size'}", err=True)
        elif now - self.last >= EVERY_SECONDS:
            self.last = now
            rate = max(1.0, (done - self.first) / (now - self.began))
            rest = f", {(count - done) / rate:,.0f} s left" if count else ""
            of = f" of {megabytes(count)}" if count else ""
            click.echo(f"{self.name}: {megabytes(done)}{of}, {megabytes(int(rate))} a second{rest}", err=True)


def megabytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:,.1f} MB"


def _row(name: str, component: Component) -> dict[str, Any]:
    from imtrans.engine.fetching import record_of
    from imtrans.kit.shelf import present
    from imtrans.kit.web import shown

    archive = component.info.archive if component.info else None
    folder = present(component.name)
    return {
        "name": name,
        "folder": str(folder) if folder else None,
        "counts": dict(archive.counts) if archive else {},
        "url": shown(archive.url) if archive else None,
        "sha256": record_of(component.name).get("sha256") if folder else None,
        "terms": component.info.terms if component.info else "",
    }
