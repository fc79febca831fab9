"""Data sets: folders of pairs, the paper's sets by name, and pair makers over photos."""

from collections.abc import Iterable

from imtrans import Component, hookimpl
from imtrans_datasets.components_folders import folder_components
from imtrans_datasets.components_named import named_components
from imtrans_datasets.components_photos import photo_components


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Declare what this plugin offers."""
    yield from photo_components()
    yield from folder_components()
    yield from named_components()
