"""Download of the named data sets that a run needs and that are missing from the cache."""

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
    """Fetch the named data sets that a run needs and that are missing from the cache. DataError with `is_offline`.

    With a `root` the user says where the sets are: one that is missing there is an error later, and nothing is fetched.
    """
    from imtrans.kit.dataset_paths import folder_of, present

    for component, root in _needed(dataset):
        archive = component.info.archive
        # Without an archive the data set makes its pairs itself, or says where to get them.
        if archive is None or root or present(component.name):
            continue
        if is_offline:
            fault = f"data set {component.name!r}: {folder_of(component.name)} is not there"
            hint = f"Where there is a network: imtrans data fetch {component.name}\n{instructions(component)}"
            raise DataError(f"{fault}, and --offline fetches nothing", hint=hint)
        from imtrans.engine.datasets.dataset_download import fetch_dataset

        with interruptible(component.name), listening(component.name) as listeners:
            report_verification(component.name, fetch_dataset(component, listeners=listeners))


def _needed(dataset: ResolvedComponent) -> Iterator[tuple[Component, str | None]]:
    """The data set and those that its options name, with the folder in which each is looked for."""
    root = getattr(dataset.options, "root", None)
    inner_roots = {r.name: r.options.get("root") for r in vars(dataset.options).values() if isinstance(r, ComponentRef)}
    yield dataset.component, root
    yield from ((component, inner_roots.get(name) or root) for name, component in dataset.inner.items())


def report_verification(name: str, fetched: "Fetched") -> None:
    """Say on stderr if the fetched archive is not checked against a sha256 of its declaration."""
    if fetched.is_new and not fetched.is_verified:
        record = fetched.folder.with_name(f"{name}.json")
        why = f"its sha256 is not the pinned {fetched.pinned}" if fetched.pinned else "no sha256 is pinned for it"
        click.echo(f"{name}: unverified, {why}; {fetched.sha256} is kept in {record}", err=True)


def instructions(component: Component) -> str:
    """How a person puts the data set into the cache by hand."""
    from imtrans.kit.dataset_paths import manual_instructions

    archive: Archive | None = component.info.archive
    return manual_instructions(component.name, places=archive.split_globs if archive else {})
