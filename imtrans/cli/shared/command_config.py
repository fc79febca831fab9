"""The configuration that a command line describes: its flags as a record, and the layers that they make."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from imtrans.cli.session import Session
from imtrans.config import dataset_argument
from imtrans.config import io as config_io
from imtrans.config.recipe_file import opened
from imtrans.config.resolve import resolve
from imtrans.config.schema import RunConfig, flatten
from imtrans.config.sources import Assignment, Layer, recipe_chain, refs_of
from imtrans.errors import ConfigError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.defaults import default_recipe
from imtrans.plugins.options import CliText, specs

Options = TypeVar("Options")

TRACKERS = ("tensorboard", "wandb")  # flags that are short for observers of these names
FLAGS = {
    "epochs": "train.epochs",
    "steps": "train.steps",
    "batch_size": "data.batch_size",
    "lr": "train.optimizer.lr",
    "workers": "data.workers",
    "seed": "train.seed",
    "device": "train.device",
    "data_root": "dataset.root",
    "deterministic": "train.deterministic",
    "skip_invalid": "data.skip_invalid",
    "init": "train.init",
}


def flag_of(key: str) -> str:
    """The flag that sets a configuration key, as it is written; "" where none does."""
    return next((f"--{flag.replace('_', '-')}" for flag, named in FLAGS.items() if named == key), "")


@dataclass(frozen=True, kw_only=True)
class ConfigFlags:
    """The flags that set configuration keys, as text; what was not given is None.

    `is_unpaired`: a path of `dataset` is one of pictures that are no pairs, whatever the recipe needs.
    """

    dataset: str | None = None
    is_unpaired: bool = False
    data_root: str | None = None
    file: str | None = None
    settings: tuple[str, ...] = ()
    epochs: str | None = None
    steps: str | None = None
    batch_size: str | None = None
    lr: str | None = None
    workers: str | None = None
    seed: str | None = None
    device: str | None = None
    init: str | None = None
    deterministic: bool = False
    skip_invalid: bool = False
    tensorboard: bool = False
    wandb: bool = False


def as_record(record: Callable[..., Options]) -> Callable[[Callable[[Session, Options], Any]], Callable[..., Any]]:
    """A click command that gets its parameters as one typed record.

    click passes each option as a keyword; the record gives them types and keeps the command's signature short.
    """

    def wrap(command: Callable[[Session, Options], Any]) -> Callable[..., Any]:
        def call(session: Session, /, **parameters: Any) -> Any:
            return command(session, record(**parameters))

        call.__doc__ = command.__doc__  # click shows it as the help text
        return call

    return wrap


def configured(catalog: Catalog, recipe: str | None, flags: ConfigFlags) -> RunConfig:
    """The configuration that a command line means; `recipe` may be a TOML file, None: the default one.

    Raises ConfigError or PluginError as `resolve` does, DataError for a path that holds no data set.
    """
    catalog, recipe = opened(catalog, default_recipe(catalog) if recipe is None else recipe)
    layers = []
    if flags.file is not None:
        # The text as well: neither parser says on which line a key stands, and errors do.
        path = Path(flags.file)
        tree, text = config_io.read(path), config_io.read_text(path)
        _check_recipe(tree.pop("recipe", recipe), recipe, path)
        layers.append(Layer(str(path), [_from_file(path, text, *leaf) for leaf in flatten(tree)]))
    layers.append(layer(flags))
    if flags.dataset is not None:
        is_paired = dataset_argument.needs_pairs(catalog, recipe) and not flags.is_unpaired
        layers.append(dataset_layer(catalog, flags.dataset, is_paired=is_paired))
    config = resolve(catalog, recipe, layers=layers)
    for line in _photo_notes(catalog, config, flags):
        click.echo(f"Note: {line}", err=True)
    for line in config.renamed:
        click.echo(f"Warning: {line}", err=True)
    return config


def _photo_notes(catalog: Catalog, config: RunConfig, flags: ConfigFlags) -> Iterator[str]:
    """What a recipe that makes its pairs of another data set's photos needs, to make them of one's own."""
    own = next((r.dataset for r in reversed(recipe_chain(catalog, config.recipe)) if r.dataset), None)
    options = specs(catalog.component("dataset", own.name).options) if own else {}
    of_photos = next((name for name, spec in options.items() if spec.kind == "dataset"), "")
    if own is None or not of_photos or "root" not in options:
        return
    if flags.dataset is not None and config.dataset.name != own.name:
        flag = f"--data-root {flags.dataset} --set dataset.{of_photos}=none"
        yield f"recipe {config.recipe} makes its pairs of photos ({own.name}); for photos of your own, no pairs: {flag}"
    photos = getattr(config.dataset.options, of_photos, None)
    if flags.data_root and photos and not os.path.exists(os.path.join(flags.data_root, photos.name)):
        yield f"for your own photos in {flags.data_root} instead of {photos.name}: --set dataset.{of_photos}=none"


def layer(flags: ConfigFlags) -> Layer:
    """The assignments of the flags and --set of a command line."""
    values = {flag: getattr(flags, flag) for flag in FLAGS}
    texts = {flag: "true" if value is True else value for flag, value in values.items() if value not in (None, False)}
    by_flag = [Assignment(tuple(FLAGS[f].split(".")), CliText(t), f"--{f.replace('_', '-')}") for f, t in texts.items()]
    settings = [_setting(text) for text in flags.settings]
    trackers = [ComponentRef(name) for name in TRACKERS if getattr(flags, name)]
    if trackers:  # beside those of --set
        named = [ref for a in settings if a.path == ("observers",) for ref in refs_of(a, many=True)]
        others = [ref for ref in named if ref.name not in TRACKERS or not getattr(flags, ref.name)]
        settings.append(Assignment(("observers",), (*others, *trackers), " ".join(f"--{t.name}" for t in trackers)))
    return Layer("flag", [*settings, *by_flag])


def dataset_layer(catalog: Catalog, text: str, *, is_paired: bool = True) -> Layer:
    """What --dataset sets, as `dataset_argument.dataset_layer` says; a folder of a data set's name is noted."""
    found = dataset_argument.dataset_layer(catalog, text, is_paired=is_paired)
    if found.assignments[0].value == text and os.path.isdir(text):
        click.echo(f"Note: --dataset {text} is the data set of that name; the folder is --dataset ./{text}", err=True)
    return found


def _check_recipe(recipe_of_file: Any, recipe: str, path: Path) -> None:
    if recipe_of_file != recipe:
        fault = f"{path} is for recipe {recipe_of_file!r}, not {recipe!r}"
        raise ConfigError(fault, hint=f"Name it: imtrans run {recipe_of_file}")


def _setting(text: str) -> Assignment:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text!r}: must have the form KEY=VALUE", hint="For example: --set generator.width=32")
    return Assignment.of(key.strip(), CliText(value), f"--set {key.strip()}")


def _from_file(path: Path, text: str, keys: tuple[str, ...], value: Any) -> Assignment:
    line = config_io.line_of(text, keys)
    return Assignment.of(".".join(keys), value, f"{path}{f':{line}' if line else ''}: {'.'.join(keys)}")
