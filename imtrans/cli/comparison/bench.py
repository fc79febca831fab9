"""imtrans bench"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from imtrans.cli.comparison import bench_runs
from imtrans.cli.comparison.bench_runs import BenchRun
from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, as_record, configured
from imtrans.cli.shared.mistakes import check_recipe
from imtrans.cli.shared.table import table, width_of_output
from imtrans.config.dataset_argument import dataset_layer, needs_pairs
from imtrans.config.schema import RunConfig
from imtrans.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """The command line of `imtrans bench`."""

    recipes: str
    dataset: str | None
    data_root: str | None
    steps: str | None
    settings: tuple[str, ...]
    seed: str | None
    device: str | None
    name: str
    output: str
    as_json: bool

    @property
    def names(self) -> list[str]:
        """The recipes, each once. ConfigError without any."""
        names = [*dict.fromkeys(n.strip() for n in self.recipes.split(",") if n.strip())]
        if not names:
            raise ConfigError("--recipes: name one or more", hint="For example --recipes pix2pix,cyclegan")
        return names

    def flags(self, recipe: str) -> list[str]:
        """The flags of `imtrans run` for one of them."""
        given = {
            "--dataset": self.dataset,
            "--data-root": self.data_root,
            "--steps": self.steps,
            "--seed": self.seed,
            "--device": self.device,
        }
        named = [part for flag, value in given.items() if value is not None for part in (flag, value)]
        return [*named, *bench_runs.settings_for(recipe, self.settings, self.names)]


@click.command("bench")
@click.option("--recipes", required=True, metavar="NAME,NAME", help="The recipes to compare (imtrans list recipes).")
@click.option("--dataset", metavar="NAME|PATH", help="The data set of all; without it each takes its own default.")
@click.option("--data-root", metavar="DIR", help="Folder that holds the named data sets.")
@click.option("--steps", metavar="N", help="Training steps of each; without it each takes its own number.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="[RECIPE:]KEY=VALUE",
    help="Set a configuration key of all recipes, or of one.",
)
@click.option("--seed", metavar="N", help="Number from which all random draws follow.")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:N, mps or auto.")
@click.option("--name", default="bench", metavar="NAME", show_default=True, help="The runs are NAME-RECIPE.")
@click.option("-o", "--output", default="bench", metavar="DIR", show_default=True, help="Folder for table and page.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
@as_record(BenchOptions)
def command(session: Session, options: BenchOptions) -> None:
    """Train several recipes on the same data, measure them alike, and write a table and a page.

    Each is a normal run, in a process of its own; what was stopped goes on with the same command."""
    from imtrans.cli.comparison import bench_page
    from imtrans.engine.runs.run_dir import check_name

    options = _with_one_dataset(session, options)
    configs = {recipe: _config(session, recipe, options) for recipe in options.names}
    for recipe, config in configs.items():
        name = check_name(f"{options.name}-{recipe}")
        if bench_runs.is_finished(name, steps=config.train.steps):
            click.echo(f"{recipe}: {name} is finished", err=True)
        else:
            click.echo(f"{recipe}: {name}", err=True)
            bench_runs.trained(session, recipe, options.flags(recipe), name=name, is_quiet=options.as_json)
    runs = [bench_runs.measured(session, recipe, name=f"{options.name}-{recipe}") for recipe in configs]
    page = bench_page.write(Path(options.output), runs)
    click.echo(json.dumps(bench_page.record(runs), indent=1) if options.as_json else "\n".join(_lines(runs, page)))


def _with_one_dataset(session: Session, options: BenchOptions) -> BenchOptions:
    """The same, a path as the data set and its options: methods that need no pairs would read it as something else."""
    for recipe in options.names:
        check_recipe(session.catalog, recipe)
    if options.dataset is None or not any(needs_pairs(session.catalog, recipe) for recipe in options.names):
        return options
    given = {a.path: a.value for a in dataset_layer(session.catalog, options.dataset).assignments}
    own = tuple(f"{'.'.join(path)}={value}" for path, value in given.items() if len(path) > 1)
    return replace(options, dataset=str(given["dataset",]), settings=(*own, *options.settings))


def _config(session: Session, recipe: str, options: BenchOptions) -> RunConfig:
    """What a recipe would be trained with: all that can be refused is refused before the first of them is trained."""
    settings = tuple(bench_runs.settings_for(recipe, options.settings, options.names)[1::2])
    given = {k: getattr(options, k) for k in ("dataset", "data_root", "steps", "seed", "device")}
    config = configured(session.catalog, recipe, ConfigFlags(**given, settings=settings))
    if needs_pairs(session.catalog, recipe) and not config.dataset.component.info.is_paired:
        raise ConfigError(
            f"recipe {recipe!r} needs pairs, and data set {config.dataset.name!r} has none",
            hint="Leave the recipe out, or give a data set of pairs: the others train on those, too.",
        )
    return config


def _lines(runs: Sequence[BenchRun], page: Path) -> list[str]:
    from imtrans.cli.comparison import bench_page

    heads, rows = bench_page.cells(runs)
    heads = [head.removesuffix(" ↑").removesuffix(" ↓") for head in heads]
    turned: list[list[Any]] = [["", *(r.recipe for r in runs)]]
    turned += [[head, *(row[i] for row in rows)] for i, head in enumerate(heads) if i]
    lines = table(turned, width=width_of_output(), fixed=1)
    legend = [f"\n{bench_page.LEGEND}"] if any("*" in cell for row in rows for cell in row) else []
    return [*lines, *legend, *(f"Note: {note}" for note in bench_page.notes(runs)), f"Page:     {page}"]
