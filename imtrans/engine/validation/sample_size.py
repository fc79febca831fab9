"""Axes and size of the samples, before the first step: that the networks take them."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from imtrans.config.resolve import restore
from imtrans.config.schema import ResolvedComponent
from imtrans.engine import build
from imtrans.errors import ConfigError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Kind, NetworkInfo

SEEN = {2: "pictures (height, width)", 3: "volumes (depth, height, width)"}


class _Misfit(NamedTuple):
    """A network that sees another number of axes than the samples have."""

    slot: str
    kind: Kind
    name: str
    axes: int


def check_axes(model: build.Model, spatial: Sequence[int], catalog: Catalog) -> None:
    """ConfigError for networks of pictures where samples are volumes, and the other way round."""
    misfits, axes = [*_misfits(model, len(spatial))], len(spatial)
    if misfits:
        named = " and ".join(f"{misfit.slot} {misfit.name!r}" for misfit in misfits)
        seen = SEEN.get(misfits[0].axes, f"{misfits[0].axes} axes")
        what = f"{named} {'see' if len(misfits) > 1 else 'sees'} {seen}"
        raise ConfigError(
            f"{what}; the samples are {SEEN.get(axes, f'of {axes} axes')}", hint=_fix(misfits, model, axes, catalog)
        )


def _misfits(model: build.Model, axes: int) -> Iterator[_Misfit]:
    for slot, chosen in model.config.parts.items():
        kind = model.config.info.slots[slot].kind
        if kind in build.NETWORKS:
            own = _axes_of(chosen[0], model.parts[slot])
            if own not in (None, axes):
                yield _Misfit(slot, kind, chosen[0].name, own or 0)


def _axes_of(chosen: ResolvedComponent, network: Any) -> int | None:
    """How many axes a network sees: as it declares, else as all its convolutions do."""
    info = chosen.component.info
    if isinstance(info, NetworkInfo) and info.axes:
        return info.axes
    return build.convolution_axes(network)


def _fix(misfits: Sequence[_Misfit], model: build.Model, axes: int, catalog: Catalog) -> str:
    fitting = [(misfit.slot, _declared(misfit.kind, axes, catalog)) for misfit in misfits]
    chosen = " ".join(f"--set {slot}={name}" for slot, name in fitting if name)
    networks = f"Use {chosen}" if chosen else f"Use networks of {SEEN[axes].split()[0]} (imtrans list generators)"
    has_depth = hasattr(model.config.dataset.options, "depth")
    depth = {2: "--set dataset.depth=0", 3: "--set dataset.depth=32"} if has_depth else {}
    other = depth.get(misfits[0].axes, "a data set of such samples")
    return f"{networks}, or {other}."


def _declared(kind: Kind, axes: int, catalog: Catalog) -> str:
    """The first network of this kind that says that it sees so many axes."""
    entries = ((entry.name, getattr(entry.thing, "info", None)) for entry in catalog.entries(kind))
    return next((name for name, info in entries if isinstance(info, NetworkInfo) and info.axes == axes), "")


def check_size(
    model: build.Model, spatial: Sequence[int], *, factory: build.ComponentFactory, catalog: Catalog
) -> None:
    """ConfigError for a training size that the network cannot take; `spatial` is that of the first sample."""
    given = model.config.data.size
    whole = len(given) == len(spatial) or not given
    size = [*(given or spatial)] if whole else [*spatial[:-2], given[0], given[-1]]
    strides = model.method.geometry.strides(len(size))
    if not (axes := _off(size, strides)):
        return
    multiples = " x ".join(map(str, strides)) if len({*strides}) > 1 else str(strides[0])
    what = f"samples of {' x '.join(map(str, size))} voxels" if len(size) > 2 else f"data.size {size}"
    depth = "dataset.depth" if hasattr(model.config.dataset.options, "depth") else "data.size"
    key, axis = ("data.size", axes[-1]) if axes[-1] >= len(size) - 2 else (depth, axes[0])
    stride = strides[axis]
    near = {max(stride, size[axis] // stride * stride), -(-size[axis] // stride) * stride}
    sizes = " or ".join(str(n) for n in sorted(near))
    raise ConfigError(
        f"{what}: the network takes multiples of {multiples}",
        hint=f"Use --set {key}={sizes}, or {_generator_for(size, model, factory, catalog)}.",
    )


def _off(size: Sequence[int], strides: Sequence[int]) -> list[int]:
    """The axes whose size is no multiple of the stride."""
    return [axis for axis, (n, stride) in enumerate(zip(size, strides, strict=True)) if n % stride]


def _generator_for(size: Sequence[int], model: build.Model, factory: build.ComponentFactory, catalog: Catalog) -> str:
    """How to choose a generator of the same family that takes the size; of the deepest of them."""
    config, strides = model.config, dict[str, tuple[int, ...]]()
    slot = next((name for name, s in config.info.slots.items() if s.kind == "generator"), "")
    if not slot:
        return "another size"
    present, target = config.parts[slot][0].name, config.parts[slot][0].component.target
    for entry in catalog.entries("generator"):
        if entry.name != present and getattr(entry.thing, "target", "") == target:
            tree = {**config.tree(), slot: {"name": entry.name}}
            other = restore(catalog, tree, origin=slot)
            made = build.model(
                other, model.data_spec, factory=factory, device=model.device, seed=0, purpose="translate"
            )
            strides[entry.name] = made.method.geometry.strides(len(size))
    fitting = {name: stride for name, stride in strides.items() if not _off(size, stride)}
    if fitting:
        # The deepest; of several the one whose name is most like that of the present one.
        deepest = [name for name, stride in fitting.items() if stride == max(fitting.values())]
        return f"--set {slot}={(difflib.get_close_matches(present, deepest, n=1, cutoff=0) or deepest)[0]}"
    return "a generator of less depth"
