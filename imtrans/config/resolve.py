"""From recipe, advice, file and command line to one RunConfig."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imtrans.config.component_selection import ComponentSelection
from imtrans.config.option_values import OptionValues
from imtrans.config.schema import RunConfig, flatten
from imtrans.config.sources import Assignment, Layer, layers_of_recipe
from imtrans.errors import ConfigError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.options import default_record
from imtrans.plugins.recipe import DataOptions, TrainOptions


def resolve(
    catalog: Catalog, recipe: str, *, dataset: ComponentRef | None = None, layers: Iterable[Layer] = ()
) -> RunConfig:
    """The configuration of a run: defaults < the data set's advice < the recipe < `layers` in order.

    `dataset` is the one given by name or path; it goes before the layers'. Everything is checked against the installed
    plugins. Raises ConfigError naming the key as the user wrote it, PluginError for a name that several plugins share.
    """
    all_layers = [*layers_of_recipe(catalog, recipe), *layers]
    if dataset:
        all_layers.append(Layer("flag", [Assignment(("dataset",), dataset, "--dataset")]))
    return _resolved(catalog, recipe, all_layers)


def restore(catalog: Catalog, tree: Mapping[str, Any], *, origin: str, layers: Iterable[Layer] = ()) -> RunConfig:
    """The configuration from which `RunConfig.tree` made `tree`, with `layers` on top.

    The recipe is only a name here: what it said is in the tree, and the recipe may have changed since.
    """
    keys = flatten({k: v for k, v in tree.items() if k != "recipe"})
    leaves = [Assignment(path, value, f"{origin}: {'.'.join(path)}") for path, value in keys]
    return _resolved(catalog, str(tree.get("recipe", "")), [Layer(origin, leaves, is_record=True), *layers])


def _resolved(catalog: Catalog, recipe: str, layers: Sequence[Layer]) -> RunConfig:
    # The components first: which options there are, and which advice counts, follows from them.
    selection = ComponentSelection(catalog, recipe, layers)
    options = OptionValues(selection)
    for layer in selection.layers:
        options.apply(layer)
    train: TrainOptions = options.record("train", TrainOptions())
    if train.epochs is None and train.steps is None:
        raise ConfigError("neither train.epochs nor train.steps is set", hint="Give one: --epochs N or --steps N")
    if train.early_stopping_patience and train.evaluate_every and train.evaluate_every.unit == "minutes":
        raise ConfigError(
            f"train.evaluate_every {train.evaluate_every}: with train.early_stopping_patience the clock would decide "
            "when training ends",
            hint='Give epochs or steps: --set train.evaluate_every="1 epoch"',
        )
    data: DataOptions = options.record("data", DataOptions())
    _check_fold(data)
    components = selection.resolved()
    return RunConfig(
        recipe=recipe,
        method=components["method"][0],
        parts={slot: components[slot] for slot in selection.info.slots},
        augment=components["augment"],
        metrics=components["metrics"],
        observers=components["observers"],
        dataset=components["dataset"][0],
        data=data,
        train=train,
        optimizers=options.optimizers(),
        parameter_groups=options.parameter_groups(),
        inference=options.record("inference", default_record(selection.info.policy)),
        origins=options.origins,
        dropped=tuple(options.dropped),
        renamed=tuple(options.renamed),
    )


def _check_fold(data: DataOptions) -> None:
    if (data.folds is None) != (data.fold is None):
        given, missing = ("folds", "fold") if data.folds else ("fold", "folds")
        hint = "Give both: --set data.folds=5 --set data.fold=1; or train all of them: imtrans run RECIPE --folds 5"
        raise ConfigError(f"data.{given} without data.{missing}: both say which part is held out", hint=hint)
    if data.folds and data.fold and data.fold > data.folds:
        raise ConfigError(f"data.fold {data.fold}: there are only {data.folds} parts (data.folds)")
