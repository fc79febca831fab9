"""What a sweep file says: the recipe, the values to try, how many trials, and by which metric the best is found."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imtrans.config import io as config_io
from imtrans.errors import ConfigError

SAMPLERS, PRUNERS = ("tpe", "random", "grid"), ("none", "median", "halving")
RUN_KEYS = ("dataset", "data_root", "steps", "epochs", "batch_size", "device", "workers", "seed")
KEYS = ("recipe", "metric", "trials", "name", "sampler", "pruner", "seed", "storage", "run", "set", "search")
RANGE_KEYS = ("low", "high", "log", "step")
EXAMPLE = '"generator.width" = [16, 32] or "train.optimizer.lr" = {low = 1e-4, high = 1e-2, log = true}'


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """A sweep file. `search` has a list of values or a range by configuration key; `run` and `fixed` are for all."""

    recipe: str
    metric: str
    name: str
    trials: int
    sampler: str = "tpe"
    pruner: str = "none"
    seed: int = 0
    storage: str = ""
    run: Mapping[str, Any]
    fixed: Mapping[str, Any]
    search: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """Where the study and the page lie."""
        return Path("sweeps") / self.name

    @property
    def grid(self) -> list[dict[str, Any]]:
        """Every combination of the values; empty for a sampler that draws."""
        if self.sampler != "grid":
            return []
        return [dict(zip(self.search, values, strict=True)) for values in itertools.product(*self.search.values())]

    def settings(self, values: Mapping[str, Any]) -> list[str]:
        """KEY=VALUE for what all trials share and for the values of one."""
        return [f"{key}={_text(value)}" for key, value in {**self.fixed, **values}.items()]

    def flags(self, values: Mapping[str, Any]) -> list[str]:
        """The flags of `imtrans run` for the values of a trial."""
        named = [part for k, v in self.run.items() for part in (f"--{k.replace('_', '-')}", str(v))]
        return [*named, *(part for text in self.settings(values) for part in ("--set", text))]


def read(path: Path) -> SweepPlan:
    """The plan in a file. ConfigError names the key that is wrong, and what it may be."""
    tree = config_io.read(path, flag="")
    _check_keys(path, tree, KEYS)
    _check_keys(path, _table(path, tree, "run"), RUN_KEYS, "run.")
    for key in ("recipe", "metric"):
        if not isinstance(tree.get(key), str):
            raise ConfigError(f"{path}: {key} is missing, a text", hint=f'For example: {key} = "{_like(key)}"')
    search = _search(path, tree)
    sampler = _one_of(path, tree, "sampler", SAMPLERS)
    ranges = [key for key, values in search.items() if isinstance(values, dict)]
    if sampler == "grid" and ranges:
        raise ConfigError(f"{path}: search.{ranges[0]}: a grid needs a list of values", hint=EXAMPLE)
    size = 1
    for values in search.values():
        size *= len(values) if sampler == "grid" else 1
    trials = _whole(path, tree, "trials", size if sampler == "grid" else None, least=1)
    if sampler == "grid" and trials != size:
        raise ConfigError(f"{path}: trials = {trials}, and the grid has {size}", hint="Leave trials out.")
    return SweepPlan(
        recipe=tree["recipe"],
        metric=tree["metric"],
        name=_name(path, tree),
        trials=trials,
        sampler=sampler,
        pruner=_one_of(path, tree, "pruner", PRUNERS, default="none"),
        seed=_whole(path, tree, "seed", 0, least=0),
        storage=str(tree.get("storage", "")),
        run=_table(path, tree, "run"),
        fixed=_table(path, tree, "set"),
        search=search,
    )


def _name(path: Path, tree: Mapping[str, Any]) -> str:
    from imtrans.engine.runs.run_dir import check_name

    return check_name(str(tree.get("name", path.stem)))


def _search(path: Path, tree: Mapping[str, Any]) -> dict[str, Any]:
    search = _table(path, tree, "search")
    if not search:
        raise ConfigError(f"{path}: no table [search] with what to try", hint=EXAMPLE)
    for key, values in search.items():
        is_list = isinstance(values, list) and values and all(isinstance(v, str | int | float) for v in values)
        if not is_list and not (isinstance(values, dict) and _is_range(path, key, values)):
            raise ConfigError(f"{path}: search.{key}: neither a list of values nor a range", hint=EXAMPLE)
    return search


def _is_range(path: Path, key: str, values: Mapping[str, Any]) -> bool:
    _check_keys(path, values, RANGE_KEYS, f"search.{key}.")
    low, high = values.get("low"), values.get("high")
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (low, high))
    if not numbers or low >= high or (values.get("log") and (low <= 0 or "step" in values)):  # type: ignore[operator]
        raise ConfigError(
            f"{path}: search.{key}: a range has low < high; with log low > 0, and no step",
            hint=EXAMPLE,
        )
    return True


def _check_keys(path: Path, table: Mapping[str, Any], known: Sequence[str], before: str = "") -> None:
    for key in table:
        if key not in known:
            hint = f"Known: {', '.join(known)}" + ("; configuration keys stand in quotes" if not before else "")
            raise ConfigError(f"{path}: no key {before}{key}", hint=hint)


def _table(path: Path, tree: Mapping[str, Any], key: str) -> dict[str, Any]:
    table = tree.get(key, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: {key} is no table", hint=f"Write [{key}] and its keys below.")
    return table


def _one_of(path: Path, tree: Mapping[str, Any], key: str, known: Sequence[str], default: str = "tpe") -> str:
    value = tree.get(key, default)
    if value not in known:
        raise ConfigError(f"{path}: {key} = {value!r}", hint=f"It is one of: {', '.join(known)}")
    return str(value)


def _whole(path: Path, tree: Mapping[str, Any], key: str, default: int | None, *, least: int) -> int:
    value = tree.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{path}: {key} must be a whole number from {least} on", hint=f"For example: {key} = 12")
    return value


def _like(key: str) -> str:
    return {"recipe": "pix2pix", "metric": "l1"}[key]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
