"""Which data set, recipe and protocol are used where none is named: those whose plugins declare it, built-in or not."""

import os
from collections.abc import Callable, Sequence

from imtrans.errors import ConfigError, join_names
from imtrans.plugins.catalog import Catalog, CatalogEntry
from imtrans.plugins.component import Component, DatasetInfo
from imtrans.plugins.recipe import EvalProtocol, Recipe


def default_dataset(catalog: Catalog) -> str:
    """The name of the data set used where none is named. ConfigError if there is none, or not one alone."""
    entries = _datasets(catalog, lambda info: info.is_default)
    return _single(entries, role="is the default data set", hint="Name one: --dataset NAME").name


def dataset_of_path(catalog: Catalog, *, is_paired: bool = True) -> tuple[str, str]:
    """The data set that reads `--dataset PATH`, and its option that takes the path. ConfigError as above.

    `is_paired`: of pairs, or of pictures that are none.
    """
    entries = _datasets(catalog, lambda info: _reads_any_path(info) and info.is_paired == is_paired)
    hint = "Name the data set and give the path as its option: --dataset NAME --set dataset.OPTION=PATH"
    entry = _single(entries, role="reads the path of --dataset", hint=hint)
    assert isinstance(entry.thing, Component)
    return entry.name, entry.thing.info.path_options[0]


def dataset_of_scheme(catalog: Catalog, scheme: str) -> tuple[str, str] | None:
    """The data set that reads `--dataset SCHEME:...`, and its option for it; None where none does."""
    return _chosen(catalog, lambda info: scheme in info.schemes, f"reads {scheme}: addresses")


def dataset_of_marked_folder(catalog: Catalog, folder: str) -> tuple[str, str] | None:
    """The data set whose mark is in a folder, and its option for the path; None where there is no such mark."""
    is_marked = lambda info: bool(info.marker) and os.path.isfile(os.path.join(folder, info.marker))  # noqa: E731
    return _chosen(catalog, is_marked, f"reads folders such as {folder}")


def _chosen(catalog: Catalog, has_role: Callable[[DatasetInfo], bool], role: str) -> tuple[str, str] | None:
    entries = _datasets(catalog, has_role)
    if not entries:
        return None
    entry = _single(entries, role=role, hint="Name the data set: --dataset NAME --set dataset.OPTION=PATH")
    assert isinstance(entry.thing, Component)
    return entry.name, entry.thing.info.path_options[0]


def _reads_any_path(info: DatasetInfo) -> bool:
    return bool(info.path_options) and not (info.schemes or info.marker)


def default_recipe(catalog: Catalog) -> str:
    """The name of the recipe for commands that only look at data. ConfigError as above."""
    entries = [e for e in catalog.entries("recipe") if isinstance(e.thing, Recipe) and e.thing.is_default]
    return _single(entries, role="is the default recipe", hint="Name one: --recipe NAME").name


def default_protocol(catalog: Catalog, kind: str) -> str | None:
    """The name of the protocol for targets of this kind; None if no plugin has one. ConfigError if several have."""
    entries = [
        e for e in catalog.entries("protocol") if isinstance(e.thing, EvalProtocol) and kind in e.thing.default_for
    ]
    role = f"is the default protocol for targets of kind {kind!r}"
    return _single(entries, role=role, hint="Name one: --protocol NAME").name if entries else None


def _datasets(catalog: Catalog, has_role: Callable[[DatasetInfo], bool]) -> list[CatalogEntry]:
    return [e for e in catalog.entries("dataset") if isinstance(e.thing, Component) and has_role(e.thing.info)]


def _single(entries: Sequence[CatalogEntry], *, role: str, hint: str) -> CatalogEntry:
    # As for names: installing a plugin must not change what a command did before, so a single built-in wins.
    built_in = [e for e in entries if e.plugin.is_builtin]
    candidates = built_in or entries
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise ConfigError(f"nothing that is installed {role}", hint=hint)
    raise ConfigError(f"each of {join_names(e.name for e in candidates)} says that it {role}", hint=hint)
