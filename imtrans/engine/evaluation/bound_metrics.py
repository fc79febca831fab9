"""The metrics of a protocol, built for some data."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imtrans.engine.build import ComponentFactory
from imtrans.engine.evaluation.eval_samples import CYCLE
from imtrans.engine.evaluation.metric_options import changed_options, hashed_options
from imtrans.errors import ConfigError, NotInstalledError
from imtrans.interfaces import DataSpec, Metric
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef, MetricInfo
from imtrans.plugins.recipe import EvalProtocol

KINDS = {"image": "pictures", "labels": "class numbers", "data": "data"}  # of targets, in words
Reason = ConfigError | NotInstalledError


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

    @property
    def numbers(self) -> dict[str, bool]:
        """The numbers that it declares, and whether higher is better."""
        return {f"{n}{self.suffix}": self.info.points_up(n) for n in self.info.numbers or (self.name,)}

    def logged(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """Those of its numbers that the log of a training shows, by the names that they have in an evaluation."""
        # One number for each of 150 classes would flood a log; those are not declared.
        shown = {*self.info.numbers, self.name} if self.info.numbers else numbers.keys()
        return {f"{name}{self.suffix}": value for name, value in numbers.items() if name in shown}

    def description(self) -> dict[str, Any]:
        """What decides its numbers, including the content of weights files where the metric fingerprints them."""
        fingerprint_weights = getattr(self.metric, "fingerprint", None)
        weights = {"weights": fingerprint_weights()} if fingerprint_weights else {}
        return {"name": self.name, **weights, "options": dict(self.options)}


@dataclass(frozen=True, kw_only=True)
class BoundMetrics:
    """The metrics that a protocol asks for, and why others of it are left out."""

    metrics: Sequence[BoundMetric]
    left_out: Mapping[str, str]


def bind_metrics(
    protocol: EvalProtocol,
    factory: ComponentFactory,
    catalog: Catalog,
    *,
    data_spec: DataSpec,
    missing: Collection[str] = (),
    is_paired: bool = True,
    may_be_empty: bool = False,
) -> BoundMetrics:
    """The protocol's metrics, built; `missing` names what no batch holds ("source", "labels").

    One that compares other kinds of targets, or pairs where the data are not paired, and an optional one that needs
    what is missing or not installed, is left out. Raises NotInstalledError or ConfigError if another one is, or, unless
    it `may_be_empty`, if none is left.
    """
    bound = list[BoundMetric]()
    unfit, lacking = dict[str, Reason](), dict[str, Reason]()
    for use in (*protocol.metrics, *protocol.optional):
        info = catalog.component("metric", use.name, where=f"protocol {protocol.name}").info
        if not info.compares(data_spec.target.kind):
            compared = " and ".join(KINDS[kind] for kind in info.targets)
            unfit[use.name] = ConfigError(f"it compares {compared}, and the targets are {KINDS[data_spec.target.kind]}")
        elif info.needs_pairs and not is_paired:
            unfit[use.name] = ConfigError("it compares a picture with its own target, and these data are not paired")
        elif need := next((n for n in info.needs if n in missing), None):
            lacking[use.name] = _lacking(need)
        else:
            try:
                bound.append(_bound(use, info, factory, catalog, data_spec=data_spec))
            except NotInstalledError as error:
                # A protocol without one of its metrics would be another; its optional ones are named in the notes.
                if use in protocol.metrics:
                    raise
                lacking[use.name] = NotInstalledError(f"{error.what.removeprefix(f'{use.name}: ')}. {error.hint}")
    if not (bound or may_be_empty) or any(use.name in lacking for use in protocol.metrics):
        raise _error(protocol, lacking | unfit)
    return BoundMetrics(metrics=bound, left_out={name: error.what for name, error in (lacking | unfit).items()})


def _lacking(need: str) -> ConfigError:
    """Why a metric is left out that needs what no batch holds."""
    fix = ", which only a model of both directions gives" if need == CYCLE else f": --{need} DIR"
    return ConfigError(f"it needs the {need}{fix}")


def _bound(
    use: ComponentRef, info: MetricInfo, factory: ComponentFactory, catalog: Catalog, *, data_spec: DataSpec
) -> BoundMetric:
    return BoundMetric(
        name=use.name,
        metric=factory.make("metric", use, data_spec=data_spec),
        info=info,
        options=hashed_options(use, catalog),
        suffix=changed_options(use, catalog),
    )


def _error(protocol: EvalProtocol, left_out: Mapping[str, Reason]) -> Reason:
    """The first reason, for the whole protocol."""
    for name, error in left_out.items():
        return type(error)(f"protocol {protocol.name}: {name}: {error.what}", hint="All: imtrans list protocols")
    return NotInstalledError(f"protocol {protocol.name}: it names no metric")
