"""What a number means: the metrics of a protocol, and every choice behind them with its hash."""

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imtrans.config.schema import RunConfig
from imtrans.config.sources import Assignment, nested
from imtrans.engine.build import ComponentFactory, Model
from imtrans.engine.evaluation.metric_options import changed_options, hashed_options, nameable
from imtrans.errors import ConfigError, NotInstalledError, join_names, nearest
from imtrans.interfaces import DataSpec, Metric
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef, MetricInfo
from imtrans.plugins.options import coerce, specs, to_plain, values
from imtrans.plugins.recipe import EvalProtocol

OWN, USUAL = "own", "image"
HASHED_AS = {"min_samples": "enough"}  # a field that was renamed keeps its name in hashes: they would all change
HASH = 12  # characters of a hash that people see


@dataclass(frozen=True, kw_only=True)
class BoundMetric:
    """One metric of a protocol, built, with the values of all options that decide its numbers.

    `suffix` follows the names of its numbers: the options that are not the default ("[window=7]").
    """

    name: str
    metric: Metric
    info: MetricInfo
    options: Mapping[str, Any]
    suffix: str = ""

    @property
    def label(self) -> str:
        """The name of the metric with the options that are not the default."""
        return f"{self.name}{self.suffix}"

    def description(self) -> dict[str, Any]:
        """What decides its numbers, including the content of weights files where the metric fingerprints them."""
        fingerprint_weights = getattr(self.metric, "fingerprint", None)
        weights = {"weights": fingerprint_weights()} if fingerprint_weights else {}
        return {"name": self.name, **weights, "options": dict(self.options)}


@dataclass(frozen=True, kw_only=True)
class BoundMetrics:
    """The metrics that a protocol asks for, and why others of it are left out."""

    made: Sequence[BoundMetric]
    left_out: Mapping[str, str]


def find(
    catalog: Catalog, name: str, assignments: Iterable[Assignment] = (), *, config: RunConfig | None = None
) -> EvalProtocol:
    """The protocol of this name, with the options of its metrics set: `metrics.METRIC.OPTION`.

    "own" are the metrics that a run was configured with.
    """
    protocol = run_protocol(config) if config and name == OWN else catalog.entry("protocol", name).thing
    assert isinstance(protocol, EvalProtocol)
    for assignment in assignments:
        protocol = _with(protocol, assignment, catalog)
    return protocol


def run_protocol(config: RunConfig) -> EvalProtocol:
    """The metrics of a run's configuration as a protocol."""
    metrics = [ComponentRef(c.name, values(c.options)) for c in config.metrics]
    return EvalProtocol(name=OWN, version=1, summary="the run's own metrics", metrics=metrics)


def default_protocol(model: Model) -> str:
    """The protocol where the user names none: the one for images, or the run's own metrics for anything else."""
    # The protocol for images has metrics of RGB images alone.
    is_flat = len(model.config.data.size) <= 2 and model.data_spec.target.kind == "image"
    return USUAL if is_flat else OWN


def bind_metrics(
    protocol: EvalProtocol,
    factory: ComponentFactory,
    catalog: Catalog,
    *,
    data_spec: DataSpec,
    missing: Collection[str] = (),
) -> BoundMetrics:
    """The protocol's metrics, built; `missing` names what no batch holds ("source", "labels").

    Raises NotInstalledError if no metric is left, ConfigError if a metric that is not optional needs what is missing.
    """
    bound: list[BoundMetric] = []
    left_out: dict[str, ConfigError | NotInstalledError] = {}
    for use in (*protocol.metrics, *protocol.optional):
        component = catalog.component("metric", use.name, where=f"protocol {protocol.name}")
        info = component.info or MetricInfo()
        need = next((n for n in info.needs if n in missing), None)
        if need:
            left_out[use.name] = ConfigError(f"it needs the {need}: --{need} DIR")
            continue
        try:
            metric = factory.make("metric", use, data_spec=data_spec)
        except NotInstalledError as error:
            # A protocol without one of its metrics would be another; its optional ones are named in the notes.
            if use in protocol.metrics:
                raise
            left_out[use.name] = NotInstalledError(f"{error.what.removeprefix(f'{use.name}: ')}. {error.hint}")
            continue
        options, suffix = hashed_options(use, catalog), changed_options(use, catalog)
        bound.append(BoundMetric(name=use.name, metric=metric, info=info, options=options, suffix=suffix))
    if not bound or any(use.name in left_out for use in protocol.metrics):
        raise _left_out_error(protocol, left_out)
    return BoundMetrics(made=bound, left_out={name: error.what for name, error in left_out.items()})


def choices(
    protocol: EvalProtocol, metrics: Sequence[BoundMetric], *, made_at: Any, count: int, conditions: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that decides what the numbers mean.

    `made_at` is the size of the predictions before resizing, `conditions` the split and the policy of inference.
    """
    return {
        "protocol": protocol.name,
        "version": protocol.version,
        "metrics": [m.description() for m in metrics],
        "size": list(protocol.size) or made_at,
        "made_at": made_at,
        "resize": protocol.resize,
        "count": count,
        "values": "as stored",
        **{k: nameable(v) for k, v in conditions.items()},
    }


def declared(protocol: EvalProtocol, catalog: Catalog) -> dict[str, Any]:
    """The choices that are made before any picture is seen: what may not change without a new version."""
    hashed = [f.name for f in dataclasses.fields(protocol) if f.name != "summary"]
    fields = {HASHED_AS.get(name, name): to_plain(getattr(protocol, name)) for name in hashed}
    for part in ("metrics", "optional"):
        fields[part] = [_resolved(use, catalog) for use in getattr(protocol, part)]
    return fields


def fingerprint(choices: Mapping[str, Any]) -> str:
    """The hash of choices: the same for the same choices, on any machine."""
    text = json.dumps(choices, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH]


def _resolved(use: ComponentRef, catalog: Catalog) -> dict[str, Any]:
    return {"name": use.name, "options": hashed_options(use, catalog)}


def _with(protocol: EvalProtocol, a: Assignment, catalog: Catalog) -> EvalProtocol:
    """The protocol with one option of one of its metrics set."""
    uses = [*protocol.metrics, *protocol.optional]
    names = [u.name for u in uses]
    group, name, field, inner = *(*a.path, "", "")[:3], a.path[3:]
    use = next((u for u in uses if u.name == name), None)
    if group != "metrics" or use is None or not field:
        guess = nearest(name, names)
        raise ConfigError(
            f"{a.where}: protocol {protocol.name} has no such key{guess}",
            hint=f"Its keys: metrics.METRIC.OPTION with {join_names(names)}; and inference.KEY of a run",
        )
    known = specs(catalog.component("metric", name).options)
    if field not in known:
        raise ConfigError(f"{a.where}: {name} has no option {field!r}{nearest(field, known)}")
    before = use.options.get(field, known[field].default)
    value = nested(before, inner[0], a) if inner else a.value
    changed = ComponentRef(name, {**use.options, field: coerce(value, known[field], where=a.where)})
    catalog.check_refs(known[field], changed.options[field], where=a.where)
    metrics = [changed if u is use else u for u in protocol.metrics]
    return dataclasses.replace(
        protocol, metrics=metrics, optional=[changed if u is use else u for u in protocol.optional]
    )


def _left_out_error(
    protocol: EvalProtocol, left_out: Mapping[str, ConfigError | NotInstalledError]
) -> ConfigError | NotInstalledError:
    """The first reason, for the whole protocol."""
    for name, error in left_out.items():
        return type(error)(f"protocol {protocol.name}: {name}: {error.what}")
    return NotInstalledError(f"protocol {protocol.name}: it names no metric")
