"""What a data set is given as: a name, or a path."""

import os
from collections.abc import Mapping
from urllib.parse import parse_qsl

from imtrans.config.sources import Assignment, Layer, recipe_chain
from imtrans.errors import ConfigError, DataError, nearest
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.defaults import dataset_of_marked_folder, dataset_of_path, dataset_of_scheme
from imtrans.plugins.options import CliText


def needs_pairs(catalog: Catalog, recipe: str) -> bool:
    """Whether the method of a recipe trains on pairs alone."""
    method = next((r.method for r in reversed(recipe_chain(catalog, recipe)) if r.method), None)
    info = catalog.component("method", method.name).info if method else None
    return info is None or bool(info.needs_pairs)


def dataset_layer(catalog: Catalog, text: str, *, is_paired: bool = True) -> Layer:
    """What --dataset, or `dataset` in Python, sets: a data set's name, a folder of pairs, a file that lists them, or an
    address that a data set declares (`DatasetInfo.schemes`).

    With `is_paired` false a folder is one of pictures that are no pairs; a file lists pairs whichever it is. DataError
    for a path that is neither; a name is looked up later, with everything else of the configuration.
    """
    from imtrans.kit.formats import TABLES, is_table

    # A data set's name goes before a folder of the same name: "./NAME" means the folder.
    names = [entry.name for entry in catalog.entries("dataset")]
    if text not in names and (address := _address(catalog, text)):
        return address
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
    marked = dataset_of_marked_folder(catalog, path)
    name, option = marked or dataset_of_path(catalog, is_paired=is_paired or not os.path.isdir(path))
    return _layer(name, {option: path})


def _address(catalog: Catalog, text: str) -> Layer | None:
    """What an address sets: s3://... as a whole, and of hf:NAME?option=value the name and the options."""
    scheme, colon, rest = text.partition(":")
    reader = dataset_of_scheme(catalog, scheme) if colon else None
    if reader is None:
        if "://" in text:
            from imtrans.net.http import display_url

            hint = "Give a folder, a name (imtrans list datasets), or an address such as s3://BUCKET/SET."
            raise ConfigError(f"--dataset {display_url(text)}: no data set reads {scheme}: addresses", hint=hint)
        return None
    name, option = reader
    if rest.startswith("//"):
        return _layer(name, {option: text})
    place, _, query = rest.partition("?")
    # A value is text as in --set: a number or a list where the option is one.
    pairs = {key: CliText(value) for key, value in parse_qsl(query, keep_blank_values=True)}
    return _layer(name, {option: place, **pairs})


def _layer(name: str, options: Mapping[str, str]) -> Layer:
    values: dict[tuple[str, ...], str] = {("dataset",): name}
    values |= {("dataset", option): value for option, value in options.items()}
    return Layer("flag", [Assignment(key, value, "--dataset") for key, value in values.items()])
