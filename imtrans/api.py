"""The Python interface for users: train, evaluate and use models, and read runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans.errors import CheckpointError, ConfigError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import Plugins, discover

if TYPE_CHECKING:
    from imtrans.config.sources import Layer
    from imtrans.engine.inference.acceleration import Precision
    from imtrans.engine.inference.scale import SizeChoice
    from imtrans.engine.inference.translator import Translator
    from imtrans.engine.inference.video.film_translation import FilmOutcome
    from imtrans.interfaces import Split
    from imtrans.kit.report.metric_history import Column
    from imtrans.plugins.component import Direction

# torch and all that needs it are imported in the functions: `import imtrans.api` must stay light.


def load(
    run: str | Path,
    *,
    device: str = "auto",
    settings: Mapping[str, Any] | None = None,
    direction: "Direction | None" = None,
    precision: "Precision" = "float32",
    is_fast: bool = False,
    is_compiled: bool = False,
    has_discriminators: bool = False,
    plugins: Plugins | None = None,
    is_offline: bool = False,
) -> "Translator":
    """The newest checkpoint of a run folder (or one checkpoint folder, a model's file, or a model on the Hugging Face
    Hub: "hf:USER/NAME@REVISION", with `is_offline` from its cache alone), ready to translate.

    `settings` change its inference policy, as {"inference.dropout": True}. `direction` "AtoB" or "BtoA" chooses one of
    those that a model has learned, as a CycleGAN both. `precision` "bf16" computes in bfloat16, where the device
    multiplies it by itself; `is_fast` folds batch norms into convolutions where the policy takes the statistics of
    training, and warns where it does not (ImtransWarning); `is_compiled` compiles the networks (torch.compile). Its
    `model` has no discriminators unless `has_discriminators` asks for them. `plugins` are discovered unless given.
    Raises CheckpointError if there is no checkpoint, it is broken, or a plugin that it needs is missing; ConfigError
    for other settings, a direction that it has not learned, a device without bfloat16, or networks that cannot be
    compiled here.
    """
    from imtrans.engine import build
    from imtrans.engine import device as devices
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.checkpoints import io as checkpoints_io
    from imtrans.engine.inference.translator import Translator

    catalog = Catalog((plugins or discover()).records)
    checkpoint = checkpoint_paths.find(Path(run), is_offline=is_offline)
    factory = build.ComponentFactory(catalog)
    place, has = devices.choose(device), has_discriminators
    model = checkpoints_io.load(checkpoint, catalog=catalog, factory=factory, device=place, has_discriminators=has)
    model = checkpoints_io.with_policy(model, _settings(settings), catalog=catalog)
    return Translator(model.towards(direction) if direction else model).accelerated(
        precision, is_fast=is_fast, is_compiled=is_compiled
    )


def translate_film(
    run: "str | Path | Translator",
    film: str | Path,
    output: str | Path,
    *,
    steady: float = 0.0,
    seed: int = 0,
    size: "SizeChoice" = "train",
    frames: int = 0,
    overwrite: bool = False,
) -> "FilmOutcome":
    """Translate a film to a film, as `imtrans translate` does; an interrupted one goes on. What became of it.

    `run` is what `load` takes, or gives; `steady` from 0 to 1 reduces flicker, `frames` is how many are translated
    (0: all). Raises ConfigError if the output exists, unless `overwrite` is set, DataError for a film that cannot be
    read, NotInstalledError without the extra `video`.
    """
    from imtrans.engine.inference.large.footprint import TileLimits
    from imtrans.engine.inference.source_reader import ReadOptions
    from imtrans.engine.inference.video.frames import check_installed

    check_installed()
    from imtrans.engine.inference.video.film_reader import FilmReader
    from imtrans.engine.inference.video.film_translation import FilmWork

    target, translator = Path(output), load(run) if isinstance(run, str | Path) else run
    if target.exists() and not overwrite:
        raise ConfigError(f"{target} exists", hint="Give another name, or overwrite=True.")
    reading, limits = ReadOptions(size=size), TileLimits()
    work = FilmWork(translator=translator, reading=reading, limits=limits, seed=seed, steady=steady, frames=frames)
    source = FilmReader(Path(film))
    parts = work.parts(source, target)
    parts.open(is_continued=not overwrite, is_overwriting=overwrite)
    return work.run(source, target, parts=parts)


def train(
    recipe: str = "",
    dataset: str | Path = "",
    *,
    settings: Mapping[str, Any] | None = None,
    name: str | None = None,
    plugins: Plugins | None = None,
) -> "Run":
    """Train a recipe (a name or a TOML file; without one the default) in a new run folder, as `imtrans run` does.

    `dataset` is a data set's name or the path of pairs, `settings` have the keys of --set: {"train.steps": 300,
    "generator": "unet128", "generator.width": 32}. `name` is that of the folder below runs/. Raises ConfigError,
    DataError and what else a training may end with; the run folder then says how it ended.
    """
    from imtrans.config.dataset_argument import dataset_layer, needs_pairs
    from imtrans.config.recipe_file import opened
    from imtrans.config.resolve import resolve
    from imtrans.engine.checkpoints import init_weights
    from imtrans.engine.runs import run_dir
    from imtrans.engine.training import setup, trainer
    from imtrans.plugins.defaults import default_recipe

    plugins = plugins or discover()
    catalog = Catalog(plugins.records)
    known, recipe = opened(catalog, recipe or default_recipe(catalog))
    is_paired = needs_pairs(known, recipe)
    layers = [_settings(settings), *([dataset_layer(catalog, str(dataset), is_paired=is_paired)] if dataset else [])]
    config = resolve(known, recipe, layers=layers)
    folder = run_dir.free_folder(config, name)
    config = init_weights.pinned(config)
    job = setup.setup_training(config, catalog=catalog, plugins=plugins, folder=folder, start=None, is_quiet=False)
    try:
        trainer.fit_recorded(job)
    finally:
        run_dir.unlock(folder)
    return Run(folder)


def evaluate(
    run: str | Path,
    *,
    protocol: str = "",
    split: "Split | None" = None,
    direction: "Direction | None" = None,
    device: str = "auto",
    keeps_pictures: bool = False,
    plugins: Plugins | None = None,
) -> dict[str, Any]:
    """Measure a run (as `load` takes it) by a protocol, without a name by that of its data, as `imtrans evaluate` does.

    `direction` is as for `load`. Gives the record that evaluation/ in the run holds: "numbers" by name with their
    values and intervals, and the hash. They are those of the last checkpoint; where the run keeps another as its best,
    "best" has the record of that, and "choice" says how it was chosen.
    """
    import dataclasses

    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.evaluation.protocol import find, protocol_of_run
    from imtrans.engine.evaluation.run_evaluation import EvaluationResult, evaluate_run, last_beside_best

    plugins = plugins or discover()
    catalog, results = Catalog(plugins.records), list[EvaluationResult]()
    for checkpoint in checkpoint_paths.last_and_best(Path(run)):
        model = load(checkpoint, device=device, plugins=plugins).model
        turned = model.towards(direction) if direction else model
        chosen = find(catalog, protocol or protocol_of_run(turned, catalog), [], model=turned)
        results.append(
            evaluate_run(
                model,
                checkpoint,
                dataclasses.replace(chosen, split=split or chosen.split),
                catalog=catalog,
                direction=direction,
                keeps_pictures=keeps_pictures,
            )
        )
    return last_beside_best(results).record


class Run:
    """A run by its folder, or by its name below runs/. CheckpointError where there is none.

    Files are read when they are asked for, so that the object of a run in progress shows what is there now.
    """

    def __init__(self, folder: str | Path) -> None:
        from imtrans.engine.checkpoints import checkpoint_paths

        try:
            self.folder = checkpoint_paths.folder_of(Path(folder))
        except CheckpointError as error:
            raise CheckpointError(f"{folder}: is no run", hint=error.hint) from None

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {self.record.get('status')}, step {self.step})"

    @property
    def record(self) -> dict[str, Any]:
        """What run.json holds: name, status, when it started, versions, ..."""
        from imtrans.engine.runs import run_dir

        return run_dir.record(self.folder)

    @property
    def config(self) -> dict[str, Any]:
        """The whole configuration as nested dictionaries, as in config.toml."""
        from imtrans.config import io as config_io

        return config_io.read(self.folder / "config.toml")

    @property
    def step(self) -> int:
        """The last step with a metric."""
        from imtrans.kit.report import metric_history

        return metric_history.read(self.folder).step

    def metrics(self, split: str = "val") -> "dict[str, Column]":
        """The numbers of a split ("train" or "val") by name, each a `Column` with `steps` and `values`."""
        from imtrans.kit.report import metric_history

        history = metric_history.read(self.folder)
        return {name: history.column(name, split) for name in history.names(split)}

    @property
    def samples(self) -> list[Path]:
        """The sample grids, from the first step to the last."""
        return sorted((self.folder / "samples").glob("step-*.png"))

    @property
    def checkpoints(self) -> list[Path]:
        """The checkpoints, from the first step to the last."""
        from imtrans.engine.checkpoints import checkpoint_paths

        return checkpoint_paths.newest_first(self.folder)[::-1]

    @property
    def best(self) -> Path | None:
        """The checkpoint with the best first metric; None where none is kept."""
        from imtrans.engine.checkpoints import checkpoint_paths

        return checkpoint_paths.best(self.folder)

    def load(self, *, device: str = "auto") -> "Translator":
        """Its best checkpoint, else its newest, ready to translate."""
        return load(self.best or self.folder, device=device)


def _settings(settings: Mapping[str, Any] | None) -> "Layer":
    """Settings as the configuration takes them."""
    from imtrans.config.sources import Assignment, Layer
    from imtrans.plugins.options import CliText

    values = {key: CliText(v) if isinstance(v, str) else v for key, v in (settings or {}).items()}
    return Layer("settings", [Assignment.of(key, value, f"settings[{key!r}]") for key, value in values.items()])
