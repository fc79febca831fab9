"""imtrans run"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from imtrans import configfile
from imtrans.catalog import Catalog
from imtrans.cli import Session
from imtrans.commands.training import train
from imtrans.component import Use
from imtrans.config import RunConfig, flatten
from imtrans.errors import ConfigError, DataError
from imtrans.layers import Assignment, Layer
from imtrans.options import Raw
from imtrans.resolve import resolve

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
    "skip_bad_images": "data.skip_bad",
    "init": "train.init",
}


@click.command("run")
@click.argument("recipe")
@click.option(
    "--dataset", metavar="NAME|PATH", help="Data set by name, a folder or a file of pairs; without it: drawn pictures."
)
@click.option("--data-root", metavar="DIR", help="Folder that holds the named data sets.")
@click.option("--config", "file", metavar="FILE", help="TOML or JSON file with configuration keys.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set any configuration key (see --dry-run)."
)
@click.option("--epochs", metavar="N", help="Passes over the training pictures.")
@click.option("--steps", metavar="N", help="Training steps, instead of epochs.")
@click.option("--batch-size", metavar="N", help="Pictures per step.")
@click.option("--lr", metavar="X", help="Learning rate of every optimiser.")
@click.option("--workers", metavar="N", help="Processes that load pictures.")
@click.option("--seed", metavar="N", help="Number from which all random draws follow.")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:N, mps or auto.")
@click.option("--name", metavar="NAME", help="Name of the run's folder under runs/.")
@click.option("--resume", is_flag=True, help="Go on with this run where it is unfinished.")
@click.option("--devices", type=click.IntRange(1), metavar="N", help="Train on N devices of this machine at once.")
@click.option("--deterministic", is_flag=True, help="The same bits each time, on a GPU, too.")
@click.option(
    "--skip-bad-images", is_flag=True, help="Train without broken pictures; they are listed in skipped.jsonl."
)
@click.option("--init", metavar="PATH", help="Begin with the weights of a run, a checkpoint or a safetensors file.")
@click.option("--accept-dataset-change", is_flag=True, help="With --resume: go on although the pictures have changed.")
@click.option("--offline", is_flag=True, help="Fetch nothing: a named data set that is missing is an error.")
@click.option("--dry-run", is_flag=True, help="Show every key, its value and where it comes from; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result for machines.")
@click.pass_obj
def command(session: Session, /, recipe: str, name: str | None, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Train RECIPE (see `imtrans list recipes`) and write a run folder with pictures, a report and the model."""
    config = configured(session.catalog, recipe, given)
    if dry_run:
        click.echo(table(config))
        return
    from imtrans.commands import launching, placing
    from imtrans.commands.data import fetch_if_missing

    fetch_if_missing(config.dataset, is_offline=given["offline"])
    if given["devices"]:
        launching.together(given["devices"], session.arguments)
    accepts, catalog = given["accept_dataset_change"], session.catalog
    if given["resume"] or placing.is_restart():
        train(session, config, lambda: placing.unfinished(catalog, config, name, accepts), as_json=as_json)
    else:
        train(session, config, lambda: placing.fresh(catalog, config, name), as_json=as_json)


def configured(catalog: Catalog, recipe: str, given: Mapping[str, Any]) -> RunConfig:
    """The configuration that a command line means."""
    layers = []
    if given.get("file") is not None:
        path = Path(given["file"])
        tree, text = configfile.read(path), configfile.read_text(path)
        _check_recipe(tree.pop("recipe", recipe), recipe, path)
        layers.append(Layer(str(path), [_from_file(path, text, *leaf) for leaf in flatten(tree)]))
    layers.append(layer(given))
    wanted = dataset(catalog, given["dataset"]) if given.get("dataset") is not None else None
    return resolve(catalog, recipe, dataset=wanted, layers=layers)


def layer(given: Mapping[str, Any]) -> Layer:
    """What the flags and --set of a command line say."""
    switches = ("deterministic", "skip_bad_images")
    given = {**given, **{name: "true" if given.get(name) else None for name in switches}}
    flags = [(key, flag) for flag, key in FLAGS.items() if given.get(flag) is not None]
    named = [Assignment(tuple(k.split(".")), Raw(given[f]), f"--{f.replace('_', '-')}") for k, f in flags]
    return Layer("flag", [*(_setting(text) for text in given.get("settings", ())), *named])


def dataset(catalog: Catalog, text: str) -> Use:
    """What --dataset means: a data set's name, or a folder of pairs, or a file that lists them."""
    from imtrans.kit.formats import TABLES, is_table

    names = [o.name for o in catalog.offers("dataset")]
    looks_like_path = text.startswith((".", "~")) or os.sep in text or (os.altsep or os.sep) in text or is_table(text)
    path = os.path.expanduser(text)  # Path.exists and Path.expanduser raise for names that cannot be
    if text in names or not (looks_like_path or (text and os.path.exists(path))):
        return Use(text)
    if not os.path.isdir(path) and not (is_table(path) and os.path.isfile(path)):
        fault = "is a file, not a folder of pairs" if os.path.exists(path) else "does not exist"
        kinds = f", a file of pairs ({' '.join(TABLES)})" if os.path.isfile(path) or is_table(text) else ""
        mend = f"Give a folder of pairs{kinds}, or a name: imtrans list datasets"
        raise DataError(f"--dataset {text}: {fault}", mend=mend)
    return Use("folder", {"path": path})


def table(config: RunConfig) -> str:
    """Every key, its value and its origin; then what found no taker."""
    rows = [(key, "none" if value is None else json.dumps(value), origin) for key, value, origin in config.rows()]
    wide, deep = (max(len(r[i]) for r in rows) for i in (0, 1))
    lines = [f"{key:<{wide}}  {value:<{min(deep, 40)}}  {origin}".rstrip() for key, value, origin in rows]
    return "\n".join([*lines, *(f"left out: {line}" for line in config.dropped)])


def _check_recipe(told: Any, recipe: str, path: Path) -> None:
    if told != recipe:
        raise ConfigError(f"{path} is for recipe {told!r}, not {recipe!r}", mend=f"Name it: imtrans run {told}")


def _setting(text: str) -> Assignment:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text!r}: must have the form KEY=VALUE", mend="For example: --set generator.width=32")
    return Assignment(tuple(key.strip().split(".")), Raw(value), f"--set {key.strip()}")


def _from_file(path: Path, text: str, keys: tuple[str, ...], value: Any) -> Assignment:
    line = configfile.line_of(text, keys)
    return Assignment(keys, value, f"{path}{f':{line}' if line else ''}: {'.'.join(keys)}")
