"""What a number means: a protocol, and every choice behind its numbers with its hash."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imtrans.config.sources import Assignment, nested
from imtrans.engine.build import Model
from imtrans.engine.evaluation.bound_metrics import BoundMetric
from imtrans.engine.evaluation.metric_options import hashed_options, nameable
from imtrans.errors import ConfigError, join_names, nearest
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.defaults import default_protocol
from imtrans.plugins.options import coerce, specs, to_plain, values
from imtrans.plugins.recipe import EvalProtocol

OWN = "own"
UNHASHED = {"summary", "default_for"}  # fields that decide no number
# Fields that were renamed keep their names in hashes: all would change.
HASHED_AS = {"min_samples": "enough", "has_upper_bound": "has_ceiling"}
HASH = 12  # characters of a hash that people see
AT_MODEL_SIZE = EvalProtocol(name=OWN, version=1, summary="the run's own metrics", metrics=[])


def find(
    catalog: Catalog, name: str, assignments: Iterable[Assignment] = (), *, model: Model | None = None
) -> EvalProtocol:
    """The protocol of this name, with the options of its metrics set: `metrics.METRIC.OPTION`.

    "own" are the metrics of the model's run.
    """
    protocol = run_protocol(model, catalog) if model and name == OWN else catalog.entry("protocol", name).thing
    assert isinstance(protocol, EvalProtocol)
    for assignment in assignments:
        protocol = _with(protocol, assignment, catalog)
    return protocol


def run_protocol(model: Model, catalog: Catalog) -> EvalProtocol:
    """The metrics of a run's configuration as a protocol.

    Where one of them compares other kinds of targets, those of the default protocol for these targets follow.
    """
    metrics = [ComponentRef(c.name, values(c.options)) for c in model.config.metrics]
    infos = [c.component.info for c in model.config.metrics]
    if not all(info.compares(model.data_spec.target.kind) for info in infos):
        default, names = protocol_of_run(model, catalog), {m.name for m in metrics}
        following = find(catalog, default).metrics if default != OWN else ()
        metrics += [use for use in following if use.name not in names]
    return dataclasses.replace(AT_MODEL_SIZE, metrics=metrics)


def protocol_of_run(model: Model, catalog: Catalog) -> str:
    """The protocol where the user names none: the default for such targets, else the run's own metrics."""
    kind = model.data_spec.target.kind
    if kind == "image" and not model.config.dataset.component.info.is_paired:
        return default_protocol(catalog, "unpaired") or OWN
    # The protocol for images has metrics of flat ones.
    is_volume = kind == "image" and (model.data_spec.source.is_volume or len(model.config.data.size) > 2)
    return (None if is_volume else default_protocol(catalog, kind)) or OWN


def compares_labels(protocol: EvalProtocol, catalog: Catalog) -> bool:
    """Whether a metric of the protocol compares class numbers and nothing else."""
    infos = (catalog.component("metric", use.name).info for use in protocol.metrics)
    return any(tuple(info.targets) == ("labels",) for info in infos)


def choices(
    protocol: EvalProtocol,
    metrics: Sequence[BoundMetric],
    *,
    predicted_size: Any,
    count: int,
    conditions: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that decides what the numbers mean.

    `predicted_size` is the size of the predictions before resizing, `conditions` the split and the policy of inference.
    """
    return {
        "protocol": protocol.name,
        "version": protocol.version,
        "metrics": [m.description() for m in metrics],
        "size": list(protocol.size) or predicted_size,
        "made_at": predicted_size,  # the name that hashes have
        "resize": protocol.resize,
        "count": count,
        "values": "as stored",
        **{k: nameable(v) for k, v in conditions.items()},
    }


def declared(protocol: EvalProtocol, catalog: Catalog) -> dict[str, Any]:
    """The choices that are made before any picture is seen: what may not change without a new version."""
    hashed = [f.name for f in dataclasses.fields(protocol) if f.name not in UNHASHED]
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
