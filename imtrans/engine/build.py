"""From a RunConfig to live objects: the only place that imports what components point to."""

import contextlib
import dataclasses
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from imtrans.catalog import Catalog
from imtrans.component import Component, Kind, Use
from imtrans.config import Choice, RunConfig
from imtrans.engine.kept import Kept
from imtrans.errors import ConfigError, ImtransError, PluginError, nearest
from imtrans.interfaces import Augmentation, Context, Dataset, Method, Metric, Pair, Signals, Split
from imtrans.kit.terms import AdversarialTerms, Terms, Weighted
from imtrans.options import coerce, record, specs, values

NETWORKS = ("generator", "discriminator", "network")


class Maker:
    """Makes components by name; `make` is what a Context hands to targets."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def make(self, kind: Kind, use: Use, **context: Any) -> Any:
        component = self._catalog.component(kind, use.name)
        return build(component, options_of(component, use), self.context(**context))

    def options(self, component: Component, use: Use) -> Any:
        """The component's option record with the values of `use`, typed and checked."""
        return options_of(component, use)

    def choice(self, choice: Choice, **context: Any) -> Any:
        return build(choice.component, choice.options, self.context(**context))

    def context(self, **fields: Any) -> Context:
        """A context whose `make` passes on what this component was told: the parts of a network see its data, too."""
        return Context(make=functools.partial(self.make, **fields), **fields)


def options_of(component: Component, use: Use) -> Any:
    """The component's option record with the values of `use`, typed and checked."""
    known = specs(component.options)
    unknown = next((k for k in use.options if k not in known), None)
    if unknown:
        raise ConfigError(f"{component.kind} {use.name!r} has no option {unknown!r}{nearest(unknown, known)}")
    given = {k: coerce(v, known[k], where=f"{use.name}.{k}") for k, v in use.options.items()}
    return dataclasses.replace(record(component.options), **given)


def build(component: Component, options: Any, context: Context) -> Any:
    """Import a component's target and call it. PluginError names component and target when that cannot be done."""
    target = load_target(component)
    if component.needs_context:
        return target(options, context)
    keywords = {**values(options), **(method_keywords(component, context))}
    with _signature_checked(component, target, keywords):
        return target(**keywords)


def method_keywords(component: Component, context: Context) -> dict[str, Any]:
    """A method's further keywords: its filled slots and its policy."""
    if component.kind != "method":
        return {}
    return {**context.parts, **({"policy": context.policy} if component.info.policy is not None else {})}


def load_target(component: Component) -> Any:
    """The object that `component.target` names."""
    module, _, attribute = component.target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"{component.kind} {component.name!r}: its target {component.target} cannot be imported: {error}",
            mend="Install what is missing, or tell the plugin's authors.",
        ) from error
    return found


@dataclass(kw_only=True)
class DatasetSource:
    """A split of a data set that can be rebuilt in another process: only the recipe for it is pickled.

    `inner` holds the data sets that its options name; it may make these, and no other components. `left_out` are the
    samples, by their numbers in the whole, that are passed over.
    """

    component: Component
    options: Any
    split: Split
    size: Sequence[int] = ()
    inner: Mapping[str, Component] = field(default_factory=dict)
    is_tolerant: bool = False
    left_out: frozenset[int] = frozenset()
    built: Dataset | None = field(default=None, repr=False)

    @property
    def is_paired(self) -> bool:
        return bool(self.component.info.is_paired)

    @property
    def dataset(self) -> Dataset:
        if self.built is None:
            whole = build(self.component, self.options, self._context(self._make))
            is_whole = not self.left_out and not getattr(whole, "findings", ())
            self.built = whole if is_whole else Kept(whole, self.left_out)
        return self.built

    def _context(self, make: Callable[[Kind, Use], Any]) -> Context:
        return Context(make=make, size=self.size, split=self.split, is_tolerant=self.is_tolerant)

    def _make(self, kind: Kind, use: Use) -> Any:
        """A data set named in the options, with the sides as it is trained on: its target is the target."""
        component = self.inner.get(use.name)
        if kind != "dataset" or component is None:
            return _no_components(kind, use)
        made = build(component, options_of(component, use), self._context(_no_components))
        return Reversed(made) if component.info.direction == "BtoA" else made

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "built": None}


class Reversed:
    """A data set with its sides changed."""

    def __init__(self, inner: Dataset) -> None:
        self.inner, self.signals = inner, inner.signals.reversed()
        self.notes = tuple(getattr(inner, "notes", ()))
        self.findings = tuple(getattr(inner, "findings", ()))

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, index: int) -> Pair:
        return self.inner[index].reversed()

    def files(self, index: int) -> Sequence[Path]:
        return self.inner.files(index)


@dataclass(kw_only=True)
class Model:
    """A method with its networks on a device: what the loop trains and what translates."""

    config: RunConfig
    signals: Signals
    method: Method
    networks: Mapping[str, nn.Module]
    device: torch.device
    averages: Mapping[str, Any] = field(default_factory=dict)


def model(config: RunConfig, signals: Signals, *, maker: Maker, device: torch.device, seed: int) -> Model:
    """The method with its slots filled, freshly initialised from `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = {slot: _fill(config, slot, signals, maker=maker, device=device) for slot in config.info.slots}
        method = maker.choice(
            config.method, signals=signals, size=config.data.size, parts=parts, policy=config.inference
        )
    networks = {name: network.to(device) for name, network in method.networks.items()}
    return Model(
        config=config,
        signals=signals,
        method=method,
        networks=networks,
        device=device,
        averages=_averages(config, networks),
    )


def augmentations(config: RunConfig, maker: Maker) -> list[Augmentation]:
    return [maker.choice(c, size=config.data.size) for c in config.augment]


def metrics(config: RunConfig, maker: Maker, signals: Signals) -> dict[str, Metric]:
    return {c.name: maker.choice(c, signals=signals) for c in config.metrics}


def dataset(config: RunConfig, split: Split, size: Sequence[int]) -> DatasetSource:
    """A split of the configured data set, which is told what size the loader will ask for."""
    chosen = config.dataset
    return DatasetSource(
        component=chosen.component,
        options=chosen.options,
        split=split,
        size=tuple(size),
        inner=chosen.inner,
        is_tolerant=config.data.skip_bad,
    )


def _fill(config: RunConfig, slot: str, signals: Signals, *, maker: Maker, device: torch.device) -> Any:
    wanted, chosen = config.info.slots[slot], config.parts[slot]
    seen = signals.reversed() if wanted.reverse else signals
    made = [maker.choice(c, signals=seen, size=config.data.size) for c in chosen]
    for part in made:
        if isinstance(part, nn.Module):
            part.to(device)
    if wanted.kind in ("loss", "penalty", "adversarial"):
        terms = [Weighted(c.weight, part) for c, part in zip(chosen, made, strict=True)]
        return AdversarialTerms(terms) if wanted.kind == "adversarial" else Terms(terms)
    for c, part in zip(chosen, made, strict=True):
        if wanted.kind in NETWORKS and not isinstance(part, nn.Module):
            raise PluginError(f"{wanted.kind} {c.name!r} gave {type(part).__name__}, not a torch.nn.Module")
    return made if wanted.many else made[0]


def _averages(config: RunConfig, networks: Mapping[str, nn.Module]) -> dict[str, Any]:
    if not config.train.ema:
        return {}
    average = torch.optim.swa_utils.get_ema_multi_avg_fn(config.train.ema)  # type: ignore[no-untyped-call]
    translating = [n for n in networks if n in config.info.slots and config.info.slots[n].kind != "discriminator"]
    return {n: torch.optim.swa_utils.AveragedModel(networks[n], multi_avg_fn=average) for n in translating}


def _no_components(kind: Kind, use: Use) -> Any:
    raise PluginError(
        f"a data set may make no components but the data sets that its options name ({kind} {use.name!r})"
    )


@contextlib.contextmanager
def _signature_checked(component: Component, target: Any, keywords: Mapping[str, Any]) -> Iterator[None]:
    try:
        yield
    except ImtransError:
        raise
    except TypeError as error:
        try:
            inspect.signature(target).bind(**keywords)
        except TypeError as mismatch:
            raise PluginError(f"{component.kind} {component.name!r}: {component.target} {mismatch}") from error
        except ValueError:  # no signature to be had
            pass
        raise
