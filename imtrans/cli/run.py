"""imtrans run"""

import json
import re
from dataclasses import dataclass

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, as_record, configured
from imtrans.cli.shared.mistakes import check_recipe
from imtrans.cli.shared.table import paragraph, width_of_output
from imtrans.cli.shared.table import table as fitted
from imtrans.cli.shared.train_session import train
from imtrans.cli.startup import heavy_imports, preload_torch
from imtrans.config.schema import RunConfig
from imtrans.config.speedups import described
from imtrans.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class RunOptions(ConfigFlags):
    """The command line of `imtrans run`."""

    recipe: str
    name: str | None
    resume: bool
    again: bool
    folds: int | None
    find_lr: bool
    devices: int | None
    accept_dataset_change: bool
    offline: bool
    dry_run: bool
    as_json: bool


@click.command("run")
@click.argument("recipe")
@click.option(
    "--dataset", metavar="NAME|PATH", help="Data set by name, a folder or a file of pairs; without it: the default one."
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
@click.option("--resume", is_flag=True, help="Resume this run where it is unfinished.")
@click.option("--again", is_flag=True, help="Train once more what is finished already, in a new folder.")
@click.option("--devices", type=click.IntRange(1), metavar="N", help="Train on N devices of this machine at once.")
@click.option(
    "--folds",
    type=click.IntRange(2),
    metavar="N",
    help="Train N times, each without another part of the training pairs, and make one model of all.",
)
@click.option("--find-lr", is_flag=True, help="Try rising learning rates, draw the loss, name one; train no model.")
@click.option("--deterministic", is_flag=True, help="The same bits each time, on a GPU, too.")
@click.option("--skip-invalid", is_flag=True, help="Train without broken pictures; they are listed in skipped.jsonl.")
@click.option("--init", metavar="PATH", help="Begin with the weights of a run, a checkpoint or a safetensors file.")
@click.option("--accept-dataset-change", is_flag=True, help="With --resume: resume although the pictures have changed.")
@click.option("--offline", is_flag=True, help="Fetch nothing: a named data set that is missing is an error.")
@click.option("--dry-run", is_flag=True, help="Show every key, its value and where it comes from; train nothing.")
@click.option("--tensorboard", is_flag=True, help="Log for TensorBoard as well (extra tensorboard).")
@click.option("--wandb", is_flag=True, help="Log to Weights & Biases as well (extra wandb).")
@click.option("--json", "as_json", is_flag=True, help="Print the result for machines.")
@click.pass_obj
@as_record(RunOptions)
def command(session: Session, options: RunOptions) -> None:
    """Train RECIPE, one of `imtrans list recipes` or a TOML file.

    Writes a run folder with pictures, a report and the model."""
    if not options.dry_run:
        preload_torch()
    check_recipe(session.catalog, options.recipe)
    config = configured(session.catalog, options.recipe, options)
    first = _first_fold(config, options) if options.folds else config
    if options.dry_run:
        click.echo(table(first))
        return  # before torch is imported
    from imtrans.cli.shared import run_location, torchrun
    from imtrans.cli.shared.dataset_fetch import fetch_if_missing
    from imtrans.cli.shared.find_lr import find_lr
    from imtrans.cli.shared.folds import show, train_folds

    with heavy_imports():
        from imtrans.engine.checkpoints.init_weights import pinned
    # Before the processes start: several would download the same archive.
    fetch_if_missing(config.dataset, is_offline=options.offline)
    config = pinned(config, is_offline=options.offline)
    if options.find_lr:
        find_lr(session, config, name=options.name, steps=_test_steps(config, options), as_json=options.as_json)
        return
    if options.folds:
        folder = train_folds(session, config, options.folds, name=options.name, resumes=options.resume)
        show(session, folder, options.folds, as_json=options.as_json)
        return
    if options.devices:
        torchrun.launch_local(options.devices, session.arguments)
    accepts, catalog, name = options.accept_dataset_change, session.catalog, options.name
    # torchrun starts the same command line again after a fault: a new run each time would train nothing to its end.
    if options.resume or run_location.is_restart():
        where = lambda: run_location.unfinished(catalog, config, name, accepts)  # noqa: E731
    else:
        where = lambda: run_location.new_run(catalog, config, name, again=options.again)  # noqa: E731
    train(session, config, where, as_json=options.as_json)


def _test_steps(config: RunConfig, options: RunOptions) -> int | None:
    """The steps of --find-lr, if they are given. ConfigError for flags that train a model."""
    if options.folds or options.resume or options.devices:
        raise ConfigError("--find-lr trains no model: leave --folds, --resume and --devices out")
    return config.train.steps if options.steps else None


def _first_fold(config: RunConfig, options: RunOptions) -> RunConfig:
    """What the first of several folds is trained with. ConfigError for what does not go with folds."""
    from imtrans.cli.shared.folds import fold_config

    if config.data.folds:
        raise ConfigError("--folds and data.folds: not both", hint="--folds trains all; data.folds and data.fold one.")
    if options.devices or options.again:
        flag, count = "--devices" if options.devices else "--again", options.folds
        each = f"Train each by itself: --set data.folds={count} --set data.fold=1; then imtrans ensemble RUN RUN..."
        raise ConfigError(f"--folds and {flag}: not both", hint=each if options.devices else "Give a --name.")
    return fold_config(config, 1, options.folds or 1)


def table(config: RunConfig) -> str:
    """Every key, its value and its origin; what is on, by device; then the values that apply to nothing."""
    rows = [(key, "none" if value is None else json.dumps(value), origin) for key, value, origin in config.rows()]
    width = width_of_output()
    if width is None:  # for scripts: no value is cut
        key_width, value_width = (max(len(row[i]) for row in rows) for i in (0, 1))
        lines = [
            f"{key:<{key_width}}  {value:<{min(value_width, 40)}}  {origin}".rstrip() for key, value, origin in rows
        ]
    else:
        lines = fitted(rows, width=width, fixed=1)
    on = (line for kind, text in described(config.train) for line in paragraph(f"on {kind}:", text, width=width))
    dropped = (line for text in _dropped(config) for line in paragraph("left out:", text, width=width))
    return "\n".join([*lines, *on, *dropped])


def _dropped(config: RunConfig) -> list[str]:
    """The values that apply to nothing; in one line those that a data set advises for other networks than these."""
    others, lines = dict[str, list[str]](), list[str]()
    for text in config.dropped:
        match = re.match(r"(\S+) \((dataset [^)]+)\): no (?:key|option) ", text)
        if match:
            others.setdefault(match[2], []).append(match[1])
        else:
            lines.append(text)
    advice = (f"advice of {origin} for other networks: {', '.join(keys)}" for origin, keys in others.items())
    return [*lines, *advice]
