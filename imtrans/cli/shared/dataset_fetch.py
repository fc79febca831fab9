"""Named data sets that a run needs and the cache lacks: fetched, and said."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from imtrans.cli.shared.download_progress import interruptible, listening
from imtrans.config.schema import ResolvedComponent
from imtrans.errors import DataError
from imtrans.plugins.component import Archive, Component, ComponentRef

if TYPE_CHECKING:
    from imtrans.engine.datasets.dataset_download import Fetched


def fetch_if_missing(dataset: ResolvedComponent, *, is_offline: bool) -> None:
    """Fetch the named data sets that a run needs and the cache lacks. DataError with `is_offline`.

    Whoever gives a `root` says where the sets are: if one is not there, that is said, and nothing is fetched.
    """
    from imtrans.kit.dataset_paths import folder_of, present

    for component, root in _needed(dataset):
        archive = component.info.archive
        if archive is None or root or present(component.name):
            continue
        if is_offline:
            lacking = f"data set {component.name!r}: {folder_of(component.name)} is not there"
            fetching = f"Where there is a network: imtrans data fetch {component.name}\n"
            raise DataError(f"{lacking}, and --offline fetches nothing", hint=fetching + instructions(component))
        from imtrans.engine.datasets.dataset_download import fetch_dataset

        with interruptible(component.name), listening(component.name) as listeners:
            report_verification(component.name, fetch_dataset(component, listeners=listeners))


def _needed(dataset: ResolvedComponent) -> Iterator[tuple[Component, str | None]]:
    """The data set and those that its options name, with the folder in which each is looked for."""
    root = getattr(dataset.options, "root", None)
    own = {u.name: u.options.get("root") for u in vars(dataset.options).values() if isinstance(u, ComponentRef)}
    yield dataset.component, root
    yield from ((component, own.get(name) or root) for name, component in dataset.inner.items())


def report_verification(name: str, fetched: "Fetched") -> None:
    """Whether what was fetched is what its declaration pins."""
    if fetched.is_new and not fetched.is_verified:
        record = fetched.folder.with_name(f"{name}.json")
        why = f"its sha256 is not the pinned {fetched.pinned}" if fetched.pinned else "no sha256 is pinned for it"
        click.echo(f"{name}: unverified, {why}; {fetched.sha256} is kept in {record}", err=True)


def instructions(component: Component) -> str:
    from imtrans.kit.dataset_paths import manual_instructions

    archive: Archive | None = component.info.archive
    return manual_instructions(component.name, places=archive.split_globs if archive else {})
