"""From a RunConfig to live objects: the only place that imports what components point to."""

import contextlib
import dataclasses
import functools
import importlib
import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from imtrans.config.schema import ResolvedComponent, RunConfig
from imtrans.engine.deferred_init import deferred_init
from imtrans.errors import ConfigError, ImtransError, ImtransWarning, PluginError, join_names
from imtrans.interfaces import Augmentation, Context, DatasetContext, DataSpec, Method
from imtrans.kit.loss_terms import AdversarialTerms, Terms, Weighted
from imtrans.kit.method_parts import check_parts
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Component, ComponentRef, Direction, Kind
from imtrans.plugins.component_options import options_of
from imtrans.plugins.loading_guard import guarded
from imtrans.plugins.options import values

NETWORKS = ("generator", "discriminator", "network")
# What a model is built for: to be trained from its beginning, to be resumed, or only to translate. In the last two a
# checkpoint's weights follow.
Purpose = Literal["train", "resume", "translate"]


class ComponentFactory:
    """Makes components by name; `make` is what a Context hands to targets."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def make(self, kind: Kind, ref: ComponentRef, **context: Any) -> Any:
        """The component that a reference names, with its options."""
        component = self._catalog.component(kind, ref.name)
        return build(component, options_of(component, ref), self.context(**context))

    def from_resolved(self, resolved: ResolvedComponent, **context: Any) -> Any:
        """The component that a configuration chose."""
        return build(resolved.component, resolved.options, self.context(**context))

    def context(self, **fields: Any) -> Context:
        """A context whose `make` passes on these fields: the parts of a network see its data, too."""
        return Context(make=functools.partial(self.make, **fields), **fields)


def build(component: Component, options: Any, context: Context | DatasetContext, **parts: Any) -> Any:
    """Import a component's target and call it with its options, `parts` and, if it needs that, the context as keywords.

    PluginError names component and target when that cannot be done.
    """
    target = load_target(component)
    keywords = {**values(options), **parts, **({"context": context} if component.needs_context else {})}
    with _signature_checked(component, target, keywords):
        return target(**keywords)


def load_target(component: Component) -> Any:
    """The object that `component.target` names."""
    module, _, attribute = component.target.partition(":")
    try:
        with guarded(module) as changed:
            target: Any = importlib.import_module(module)
        for name in attribute.split("."):
            target = getattr(target, name)
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"{component.kind} {component.name!r}: its target {component.target} cannot be imported: {error}",
            hint="Install what is missing, or tell the plugin's authors.",
        ) from error
    if changed:
        what = f"{component.kind} {component.name!r} changed {join_names(changed)} when it was loaded; it was set back"
        warnings.warn(what, ImtransWarning, stacklevel=2)
    return target


@dataclass(kw_only=True)
class Model:
    """A method with its networks on a device: what the loop trains and what translates.

    `untrained` names the networks that were not in the files that a run was imported from.
    """

    config: RunConfig
    data_spec: DataSpec
    method: Method
    networks: Mapping[str, nn.Module]
    device: torch.device
    averages: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Any] = field(default_factory=dict)  # what fills the slots of the method
    untrained: Sequence[str] = ()

    @property
    def axes(self) -> int:
        """How many spatial axes it translates: 2 of pictures, 3 of volumes."""
        seen = {axes for network in self.networks.values() if (axes := convolution_axes(network))}
        return 3 if self.data_spec.source.is_volume else seen.pop() if len(seen) == 1 else 2

    @property
    def translating(self) -> Mapping[str, nn.Module]:
        """The networks that a translation may use: no discriminator."""
        slots = self.config.info.slots
        return {n: net for n, net in self.networks.items() if n not in slots or slots[n].kind != "discriminator"}

    def with_config(self, config: RunConfig, *, factory: ComponentFactory) -> "Model":
        """The same model with another configuration of its data and its inference policy, which its method is given."""
        if values(config.inference) == values(self.config.inference):
            return dataclasses.replace(self, config=config)
        method = _method(config, self.data_spec, self.parts, factory=factory, purpose="translate")
        method.load_state_dict(self.method.state_dict())
        networks = {name: network for name, network in method.networks.items() if name in self.networks}
        for name, network in networks.items():
            if network is not self.networks[name]:  # one that the method makes itself
                network.to(self.device).load_state_dict(self.networks[name].state_dict())
        return dataclasses.replace(self, config=config, method=method, networks=networks)

    def reversed(self) -> "Model | None":
        """The same model that translates targets to sources; None where it has learned one direction alone."""
        turn = getattr(self.method, "reversed", None)
        if turn is None or self._untrained_backwards:
            return None
        direction: Direction = "BtoA" if self.config.direction == "AtoB" else "AtoB"
        config = dataclasses.replace(self.config, data=dataclasses.replace(self.config.data, direction=direction))
        return dataclasses.replace(self, config=config, data_spec=self.data_spec.reversed(), method=turn())

    @property
    def _untrained_backwards(self) -> list[str]:
        """The generators of the way back that nothing has trained."""
        slots = self.config.info.slots
        return [n for n in self.untrained if n in slots and slots[n].kind == "generator" and slots[n].reverse]

    def towards(self, direction: Direction) -> "Model":
        """The model that translates so. ConfigError where it learned the other direction alone."""
        if direction == self.config.direction:
            return self
        other = self.reversed()
        if other is None and self._untrained_backwards:
            what = f"--direction {direction}: {', '.join(self._untrained_backwards)} was not in the imported files"
            raise ConfigError(what, hint="Import the generators of both directions: imtrans import FILE FILE")
        if other is None:
            what = f"--direction {direction}: the model translates {self.config.direction} alone"
            fix = f"imtrans run {self.config.recipe} --set data.direction={direction}"
            raise ConfigError(what, hint=f"Train another one for that: {fix}. cyclegan learns both.")
        return other


def convolution_axes(network: nn.Module) -> int | None:
    """How many spatial axes all convolutions of a network have; None where they differ, or there are none."""
    axes = {layer.weight.dim() - 2 for layer in network.modules() if isinstance(layer, _ConvNd)}
    return axes.pop() if len(axes) == 1 else None


def model(
    config: RunConfig,
    data_spec: DataSpec,
    *,
    factory: ComponentFactory,
    device: torch.device,
    seed: int,
    purpose: Purpose = "train",
) -> Model:
    """The method with its slots filled, freshly initialised from `seed` alone.

    ConfigError for targets with instance maps: nothing translates to edges.
    """
    if data_spec.target.instances:
        what = f"the targets ({config.direction}) are label maps with instance maps, which only sources can have"
        raise ConfigError(what, hint="Turn it round (data.direction), or leave dataset.instances out.")
    # Drawn on the CPU whatever the device, and put back: the same weights everywhere, and no other draw shifts.
    with torch.random.fork_rng(devices=[]), deferred_init():
        torch.manual_seed(seed)
        parts = {
            slot: _fill_slot(config, slot, data_spec, factory=factory, device=device, purpose=purpose)
            for slot in config.info.slots
        }
        method = _method(config, data_spec, parts, factory=factory, purpose=purpose)
    networks = {name: network.to(device) for name, network in method.networks.items()}
    return Model(
        config=config,
        data_spec=data_spec,
        method=method,
        networks=networks,
        device=device,
        averages=_averages(config, networks),
        parts=parts,
    )


def without_discriminators(model: Model) -> Model:
    """The same model for translation alone: its discriminators hold no memory, and are none of its networks."""
    networks = model.translating
    for name in model.networks.keys() - networks.keys():
        model.networks[name].to("meta")
    return dataclasses.replace(model, networks=networks)


def _method(
    config: RunConfig, data_spec: DataSpec, parts: Mapping[str, Any], *, factory: ComponentFactory, purpose: Purpose
) -> Any:
    policy = {} if config.info.policy is None else {"policy": config.inference}
    context = factory.context(data_spec=data_spec, size=config.data.size, weights_follow=purpose != "train")
    method = build(config.method.component, config.method.options, context, **parts, **policy)
    check_parts(method, config.method.name)
    return method


def augmentations(config: RunConfig, factory: ComponentFactory, data_spec: DataSpec) -> list[Augmentation]:
    """The augmentations of a configuration, in order."""
    return [factory.from_resolved(c, data_spec=data_spec, size=config.data.size) for c in config.augment]


def _fill_slot(
    config: RunConfig,
    name: str,
    data_spec: DataSpec,
    *,
    factory: ComponentFactory,
    device: torch.device,
    purpose: Purpose,
) -> Any:
    slot, chosen = config.info.slots[name], config.parts[name]
    context = {
        "data_spec": data_spec.reversed() if slot.reverse else data_spec,
        "size": config.data.size,
        # A checkpoint holds the networks. A resumed run calls its losses, whose own networks are in none.
        "weights_follow": purpose != "train" if slot.kind in NETWORKS else purpose == "translate",
    }
    parts = [factory.from_resolved(c, **context) for c in chosen]
    for part in parts:
        if isinstance(part, nn.Module):
            part.to(device)
    if slot.kind in ("loss", "penalty", "adversarial"):
        named = zip(chosen, parts, strict=True)
        terms = [Weighted(c.weight, part, f"{slot.kind} {c.name!r}", c.name) for c, part in named]
        return AdversarialTerms(terms) if slot.kind == "adversarial" else Terms(terms)
    for c, part in zip(chosen, parts, strict=True):
        if slot.kind in NETWORKS and not isinstance(part, nn.Module):
            raise PluginError(f"{slot.kind} {c.name!r} gave {type(part).__name__}, not a torch.nn.Module")
    return parts if slot.many else parts[0]


def _averages(config: RunConfig, networks: Mapping[str, nn.Module]) -> dict[str, Any]:
    if not config.train.ema:
        return {}
    average = torch.optim.swa_utils.get_ema_multi_avg_fn(config.train.ema)  # type: ignore[no-untyped-call]
    # A discriminator is never run after training: averaging it would cost memory and time for nothing.
    translating = [n for n in networks if n in config.info.slots and config.info.slots[n].kind != "discriminator"]
    return {n: torch.optim.swa_utils.AveragedModel(networks[n], multi_avg_fn=average) for n in translating}


@contextlib.contextmanager
def _signature_checked(component: Component, target: Any, keywords: Mapping[str, Any]) -> Iterator[None]:
    """A TypeError of the call itself as PluginError; one from inside the target stays what it is."""
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
