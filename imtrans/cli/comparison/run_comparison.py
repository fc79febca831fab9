"""The comparison of runs by their records: what differs, and which is best. Nothing here needs torch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from imtrans.config import io as config_io
from imtrans.config.schema import flatten
from imtrans.errors import CheckpointError, ConfigError
from imtrans.plugins.catalog import Catalog

if TYPE_CHECKING:
    from imtrans.kit.report.metric_history import History
    from imtrans.plugins.component import Component, MetricInfo

MUST_AGREE = ("data set", "validation pictures", "size")  # keys of RunSummary.data


class ProtocolRow(NamedTuple):
    """One number of a protocol: its value for each run, and the index of the best if they can be compared."""

    protocol: str
    name: str
    values: Sequence[float | None]
    best: int | None


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run as the records in its folder describe it."""

    name: str
    folder: Path
    status: str
    config: Mapping[str, Any]
    past: "History"
    steps: int
    resumed: Sequence[int]
    parameters: str
    verdict: Mapping[str, str]
    data: Mapping[str, str]
    evaluations: Mapping[str, Mapping[str, Any]]

    @property
    def seconds(self) -> float:
        """The time spent in training, without the pauses before it was resumed."""
        return self.past.seconds(self.resumed)

    @property
    def metrics(self) -> dict[str, float]:
        """The newest validation metrics."""
        from imtrans.kit.report.metric_history import REFERENCES

        return {k: v for k, v in self.past.last("val").items() if not k.endswith(REFERENCES)}

    @property
    def evaluated(self) -> set[int]:
        """The steps after which it was evaluated."""
        return {step for (split, _), column in self.past.columns.items() if split == "val" for step in column.steps}

    def metrics_at(self, step: int) -> dict[str, float]:
        """The validation metrics of that step."""
        from imtrans.kit.report.metric_history import REFERENCES

        columns = {name: c for (split, name), c in self.past.columns.items() if split == "val"}
        at_step = {n: v for n, c in columns.items() for s, v in zip(c.steps, c.values, strict=True) if s == step}
        return {name: value for name, value in at_step.items() if not name.endswith(REFERENCES)}


def read(run: str) -> RunSummary:
    """The summary of the run at a path or of a name. CheckpointError names what is missing or broken."""
    from imtrans.engine.checkpoints.checkpoint_paths import folder_of
    from imtrans.kit.report import metric_history

    folder = folder_of(Path(run))
    record, config = _json(folder / "run.json"), _config(folder)
    try:
        return _summary(folder, record, config=config, past=metric_history.read(folder))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _broken(folder, f"its records cannot be understood: {type(error).__name__}: {error}") from error


def _summary(folder: Path, record: Mapping[str, Any], *, config: Mapping[str, Any], past: "History") -> RunSummary:
    # An observer writes summary.json, and it can be left out; an imported run has no dataset.json.
    summary, data = (_json(folder / name, must_exist=False) for name in ("summary.json", "dataset.json"))
    verdict = summary.get("verdict") or {}
    return RunSummary(
        name=folder.name,
        folder=folder,
        status=str(record.get("status", "?")),
        config=config,
        past=past,
        steps=int(record.get("steps") or 0),
        resumed=[int(r["step"]) for r in record.get("resumes") or ()],
        parameters=str((summary.get("facts") or {}).get("parameters", "")),
        verdict={
            **{k: str(verdict.get(k, "")) for k in ("name", "sentence")},
            "hint": str(verdict.get("hint", verdict.get("mend", ""))),  # "mend": in runs of format 1
        },
        data={
            "data set": str(config.get("dataset.name", "?")),
            "validation pictures": str((data.get("hash") or {}).get("val", "")),
            "size": str(config.get("data.size", "?")),
        },
        evaluations=_evaluations(folder),
    )


def _broken(folder: Path, fault: str) -> CheckpointError:
    return CheckpointError(f"run {folder}: {fault}", hint="It is not a complete run; leave it out.")


def differences(runs: Sequence[RunSummary]) -> dict[str, list[Any]]:
    """The configuration keys whose values are not the same everywhere; None where a run has no such key."""
    keys = list(dict.fromkeys(key for run in runs for key in run.config))
    # A key that only one run has differs as well: another network has other options.
    values = {key: [run.config.get(key) for run in runs] for key in keys}
    return {key: each for key, each in values.items() if any(v != each[0] for v in each)}


def obstacles(runs: Sequence[RunSummary]) -> list[str]:
    """Why the metrics of these runs cannot be compared, one line; empty where they can."""
    for name in MUST_AGREE:
        values = list(dict.fromkeys(run.data[name] for run in runs))
        if len(values) > 1:
            shown = "" if name == "validation pictures" else f" ({', '.join(values)})"  # hashes say nothing to people
            return [f"not the same {name}{shown}: no metric says which run is better"]
    return []


def is_of_equal_steps(runs: Sequence[RunSummary]) -> bool:
    """Whether all runs were trained for the same number of steps."""
    return len({run.past.step for run in runs}) <= 1


def common_step(runs: Sequence[RunSummary]) -> int | None:
    """The last step after which all were evaluated, where the runs are not equally long."""
    if is_of_equal_steps(runs):
        return None
    return max(set.intersection(*(run.evaluated for run in runs)), default=None)


def unequal_steps(runs: Sequence[RunSummary]) -> list[str]:
    """A line where the newest metrics are not of equally many steps."""
    if is_of_equal_steps(runs):
        return []
    step, steps = common_step(runs), " and ".join(f"{n:,}" for n in sorted({run.past.step for run in runs}))
    instead = f"they are compared at step {step:,}" if step is not None else "no metric says which run is better"
    return [f"trained for {steps} steps: {instead}"]


def best(runs: Sequence[RunSummary], catalog: Catalog) -> dict[str, str]:
    """For each metric that all runs have the name of the best run, after equally many steps; empty where runs cannot be
    compared."""
    step = common_step(runs)
    if obstacles(runs) or len(runs) < 2 or (step is None and not is_of_equal_steps(runs)):
        return {}
    best_runs, metrics = {}, [run.metrics if step is None else run.metrics_at(step) for run in runs]
    for name in metrics[0]:
        values = [each.get(name) for each in metrics]
        is_higher = points_up(name, catalog)
        known = [v for v in values if v is not None and v == v]  # NaN is not equal to itself
        if is_higher is None or len(known) < len(values) or len(set(known)) == 1:
            continue
        best_runs[name] = runs[known.index(max(known) if is_higher else min(known))].name
    return best_runs


def protocol_rows(runs: Sequence[RunSummary]) -> Iterator[ProtocolRow]:
    """What `imtrans evaluate` measured, a row for each number of each protocol."""
    for protocol in dict.fromkeys(p for run in runs for p in run.evaluations):
        records = [run.evaluations.get(protocol) for run in runs]
        is_same_protocol = len({r["hash"] for r in records if r}) == 1
        tables = [dict(r["numbers"]) if r else {} for r in records]
        for name in dict.fromkeys(n for t in tables for n in t):
            values = [_value(t.get(name, {}).get("value")) for t in tables]
            is_higher = any(t.get(name, {}).get("higher_is_better") for t in tables)
            known = [v for v in values if v is not None]
            is_alike = is_same_protocol and len({_step_of(r) for r in records if r}) == 1
            can_compare = is_alike and len(known) == len(runs) > 1 and len(set(known)) > 1
            best = values.index(max(known) if is_higher else min(known)) if can_compare else None
            yield ProtocolRow(protocol, name, values, best)


def protocol_mismatches(runs: Sequence[RunSummary]) -> list[str]:
    """A line for each protocol whose choices were not the same for all runs."""
    lines = []
    for protocol in dict.fromkeys(p for run in runs for p in run.evaluations):
        hashes = {run.name: run.evaluations[protocol]["hash"] for run in runs if protocol in run.evaluations}
        if len(set(hashes.values())) > 1:
            runs_and_hashes = ", ".join(f"{name} #{value}" for name, value in hashes.items())
            lines.append(f"{protocol}: not measured alike ({runs_and_hashes}): these numbers cannot be compared")
    return lines


def _evaluations(folder: Path) -> dict[str, dict[str, Any]]:
    """The newest record of each protocol."""
    records = [_json(path, must_exist=False) for path in folder.glob("evaluation/*/*.json")]
    # Other programs may write JSON into these folders.
    whole = [r for r in records if isinstance(r.get("numbers"), dict) and {"hash", "protocol", "version"} <= r.keys()]
    return {f"{r['protocol']} v{r['version']}": r for r in sorted(whole, key=lambda r: str(r.get("time")))}


def _step_of(record: Mapping[str, Any]) -> str:
    """The step of the checkpoint that was evaluated, as its name has it."""
    return Path(str(record.get("checkpoint", ""))).name.rpartition("-")[2]


def _value(value: Any) -> float | None:
    return None if value is None else float(value)  # "inf" is text in JSON


def points_up(metric: str, catalog: Catalog) -> bool | None:
    """Whether higher is better; None for a metric that no installed plugin has."""
    metric = metric.partition("[")[0]  # "ssim[window=7]"
    for entry in catalog.entries("metric"):
        info: MetricInfo = cast("Component", entry.thing).info
        if metric in (info.numbers or (entry.name,)):
            return info.points_up(metric)
    return None


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.toml"
    if not path.exists():
        raise _broken(folder, "no config.toml")
    try:
        return dict(_leaves(config_io.read(path)))
    except ConfigError as error:
        raise _broken(folder, error.what) from error


def _leaves(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; the components in a list by their names, as `--set` addresses them."""
    for path, value in flatten(tree):
        key = ".".join(path)
        if isinstance(value, list) and value and all(isinstance(v, Mapping) and "name" in v for v in value):
            yield key, [v["name"] for v in value]
            options = {str(v["name"]): {k: o for k, o in v.items() if k != "name"} for v in value}
            yield from ((f"{key}.{'.'.join(inner)}", option) for inner, option in flatten(options))
        else:
            yield key, value


def _json(path: Path, *, must_exist: bool = True) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(tree, dict):
            return tree
        raise ValueError("it holds no table")
    except (OSError, ValueError, RecursionError) as error:
        if not must_exist:
            return {}
        raise _broken(path.parent, f"{path.name} cannot be read: {error}") from error
