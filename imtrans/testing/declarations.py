"""Checks of recipes and protocols, which are declarations alone."""

from collections.abc import Mapping
from typing import Any

from imtrans.interfaces import DataSpec
from imtrans.plugins.options import specs
from imtrans.plugins.recipe import EvalProtocol
from imtrans.testing.contract import catalog, check, require, within_contract
from imtrans.testing.methods import check_method
from imtrans.testing.models import model_of

KINDS = ("image", "labels", "data")


@check
def check_recipe(
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    size: int = 64,
    data_spec: DataSpec | None = None,
) -> None:
    """A recipe fills every slot with components that exist, and its method keeps the contract with them.

    `settings` are keys as of --set that make it small: {"generator.width": 2}. `check_run` trains it.
    """
    offered, spec = catalog(), data_spec or DataSpec()
    require(offered.recipe(name).summary, f"recipe {name}: it has no summary")
    with within_contract(f"recipe {name}"):
        values = {"data.size": (size,), **(settings or {})}
        model = model_of(name, values, data_spec=spec, catalog=offered)
    info = model.config.info
    filled = {slot: parts for slot, parts in model.config.parts.items() if parts}
    check_method(
        model.method,
        groups=sorted({str(info.slots[slot].group) for slot in filled if info.slots[slot].group}),
        # Without its loss a discriminator, for one, has nothing to learn.
        updates_all=all(part.weight for parts in filled.values() for part in parts),
        size=size,
        channels=spec.source.num_channels,
        target_channels=spec.target.num_channels,
    )


@check
def check_protocol(name: str) -> None:
    """A protocol names metrics that exist, with options that they have, for at least one kind of targets.

    Also checked: its version, its size, keys of inference that some method knows, and that its hash stays the same.
    """
    from imtrans.engine.evaluation.protocol import declared, fingerprint

    offered = catalog()
    protocol = offered.entry("protocol", name).thing
    assert isinstance(protocol, EvalProtocol)
    where = f"protocol {name}"
    require(protocol.summary, f"{where}: it has no summary")
    require(isinstance(protocol.version, int) and protocol.version >= 1, f"{where}: version {protocol.version!r}")
    require(len(protocol.size) in (0, 2, 3), f"{where}: size {tuple(protocol.size)} must be height and width, or empty")
    uses = [*protocol.metrics, *protocol.optional]
    require(uses, f"{where}: it names no metric")
    twice = next((use.name for use in uses if [u.name for u in uses].count(use.name) > 1), None)
    require(twice is None, f"{where}: it names the metric {twice} twice")
    with within_contract(where):
        hashes = {fingerprint(declared(protocol, offered)) for _ in range(2)}
    require(len(hashes) == 1, f"{where}: its hash changes from one moment to the next")
    infos = [offered.component("metric", use.name).info for use in protocol.metrics or uses]
    kinds = [kind for kind in KINDS if all(info.compares(kind) for info in infos)]
    require(kinds, f"{where}: there is no kind of targets that all its metrics compare")
    # Unpaired pictures are of the kind "image".
    missing = {"image" if kind == "unpaired" else kind for kind in protocol.default_for} - set(kinds)
    require(not missing, f"{where}: default_for {sorted(missing)}, which not all its metrics compare")
    policies = (entry.thing.info.policy for entry in offered.entries("method"))  # type: ignore[union-attr]
    known = {key for policy in policies for key in specs(policy)}
    unknown = sorted(set(protocol.inference) - known)
    require(not unknown, f"{where}: no installed method has the inference keys {unknown}")
