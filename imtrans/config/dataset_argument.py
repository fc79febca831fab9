"""What a data set is given as: a name, or a path."""

import os

from imtrans.config.sources import Assignment, Layer, recipe_chain
from imtrans.errors import ConfigError, DataError, nearest
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.defaults import dataset_of_path


def needs_pairs(catalog: Catalog, recipe: str) -> bool:
    """Whether the method of a recipe trains on pairs alone."""
    method = next((r.method for r in reversed(recipe_chain(catalog, recipe)) if r.method), None)
    info = catalog.component("method", method.name).info if method else None
    return info is None or bool(info.needs_pairs)


def dataset_layer(catalog: Catalog, text: str, *, is_paired: bool = True) -> Layer:
    """What --dataset, or `dataset` in Python, sets: a data set's name, a folder of pairs, or a file that lists them.

    With `is_paired` false a folder is one of pictures that are no pairs; a file lists pairs whichever it is. DataError
    for a path that is neither; a name is looked up later, with everything else of the configuration.
    """
    from imtrans.kit.formats import TABLES, is_table

    # A data set's name goes before a folder of the same name: "./NAME" means the folder.
    names = [entry.name for entry in catalog.entries("dataset")]
    looks_like_path = text.startswith((".", "~")) or os.sep in text or (os.altsep or os.sep) in text or is_table(text)
    path = os.path.expanduser(text)  # Path.exists and Path.expanduser raise for names that no file can have
    if text in names or ":" in text or not (looks_like_path or (text and os.path.exists(path))):
        if text and text not in names and not nearest(text, names, cutoff=0.75) and ":" not in text:
            raise ConfigError(
                f"--dataset {text}: there is no folder {text!r} here, and no data set of that name",
                hint="Give the path of your folder, as in --dataset ~/pictures/pairs, or a name: imtrans list datasets",
            )
        return Layer("flag", [Assignment(("dataset",), text, "--dataset")])
    if not os.path.isdir(path) and not (is_table(path) and os.path.isfile(path)):
        fault = "is a file, not a folder of pairs" if os.path.exists(path) else "does not exist"
        kinds = f", a file of pairs ({' '.join(TABLES)})" if os.path.isfile(path) or is_table(text) else ""
        hint = f"Give a folder of pairs{kinds}, or a name: imtrans list datasets"
        raise DataError(f"--dataset {text}: {fault}", hint=hint)
    name, option = dataset_of_path(catalog, is_paired=is_paired or not os.path.isdir(path))
    values = {("dataset",): name, ("dataset", option): path}
    return Layer("flag", [Assignment(key, value, "--dataset") for key, value in values.items()])
