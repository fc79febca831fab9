"""imtrans list"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.table import paragraph, width_of_output
from imtrans.plugins.catalog import Catalog, CatalogEntry, kind_named
from imtrans.plugins.component import Component, ComponentRef
from imtrans.plugins.options import specs, to_plain
from imtrans.plugins.recipe import EvalProtocol, Recipe


@click.command("list")
@click.argument("kind", required=False)
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
def command(session: Session, kind: str | None, name: str | None, as_json: bool) -> None:
    """Show what there is: all of it, one KIND (generator or generators, recipes, ...), or one NAME with its options."""
    catalog = session.catalog
    for clash in catalog.clashes():
        click.echo(f"Warning: {clash}", err=True)
    known_kind = kind_named(kind) if kind else None
    entries = [catalog.entry(known_kind, name)] if known_kind and name else list(catalog.entries(known_kind))
    if as_json:
        trees = [describe(entry) for entry in entries]
        click.echo(json.dumps(trees[0] if name else trees, indent=1))
    elif name:
        click.echo(page(catalog, entries[0]))
    else:
        click.echo(table(entries) or f"no {known_kind} is installed")
        slow = [r for r in session.plugins.records if r.seconds > 1]
        # Every command waits for these: a plugin that imports torch where it declares is found this way.
        click.echo("".join(f"(plugin {r.name} took {r.seconds:.1f} s to load)\n" for r in slow), nl=False, err=True)


def table(entries: Sequence[CatalogEntry]) -> str:
    """All entries, by kind, one line each; those of other distributions name it."""
    indent = max((len(entry.name) for entry in entries), default=0) + 4
    width = width_of_output()
    lines: list[str] = []
    for number, entry in enumerate(entries):
        if number == 0 or entries[number - 1].kind != entry.kind:
            lines += ["", entry.kind] if lines else [entry.kind]
        origin = "" if entry.plugin.is_builtin else f"  [{entry.plugin.origin}]"
        lines += paragraph(f"  {entry.name}", f"{entry.thing.summary}{origin}", indent=indent, width=width)
    return "\n".join(lines)


def page(catalog: Catalog, entry: CatalogEntry) -> str:
    """One entry with its options, or a recipe with what it sets."""
    thing, plugin = entry.thing, entry.plugin
    lines = [f"{entry.kind} {entry.name}: {thing.summary}", f"from {plugin.origin}, plugin {plugin.name}"]
    if isinstance(thing, Recipe):
        return "\n".join([*lines, "", *_recipe_lines(catalog, entry.name)])
    if isinstance(thing, EvalProtocol):
        return "\n".join([*lines, "", *_protocol_lines(thing)])
    if thing.kind == "dataset":
        lines += [
            f"source and target as {thing.info.direction}",
            *(f"advises {k} = {json.dumps(to_plain(v))}" for k, v in thing.info.advice.items()),
        ]
        lines += [f"terms: {thing.info.terms}"] if thing.info.terms else []
    options = specs(thing.options)
    lines += ["", "options:"] if options else ["no options"]
    for s in options.values():
        lines += [f"  {s.name} = {json.dumps(to_plain(s.default))}  ({s.type_name})", f"      {s.help}"]
    return "\n".join(lines)


def describe(entry: CatalogEntry) -> dict[str, Any]:
    """One entry for machines."""
    options = specs(entry.thing.options) if isinstance(entry.thing, Component) else {}
    return {
        "kind": entry.kind,
        "name": entry.name,
        "summary": entry.thing.summary,
        "plugin": entry.plugin.name,
        "distribution": entry.plugin.distribution,
        "version": entry.plugin.version,
        "options": {
            s.name: {"type": s.type_name, "default": to_plain(s.default), "help": s.help, "low": s.low, "high": s.high}
            for s in options.values()
        },
    }


def _protocol_lines(protocol: EvalProtocol) -> Iterable[str]:
    size = " x ".join(map(str, protocol.size)) or "the model's own"
    yield f"version {protocol.version}; compared at {size}; resized by {protocol.resize}; split {protocol.split}"
    policy = ", ".join(f"{k} {json.dumps(v)}" for k, v in protocol.inference.items())
    yield f"inference: {policy or 'as the model says'}"
    for title, refs in (("metrics", protocol.metrics), ("metrics, where they are installed", protocol.optional)):
        if refs:
            yield f"{title}:"
            yield from (f"  {r.name}  {json.dumps(to_plain(r.options)) if r.options else ''}".rstrip() for r in refs)


def _recipe_lines(catalog: Catalog, name: str) -> list[str]:
    from imtrans.config.resolve import resolve  # only here: the table of all entries needs no configuration

    rows = [row for row in resolve(catalog, name).rows() if row[2].startswith("recipe")]
    values = [f"  {key} = {json.dumps(value)}  ({origin})" for key, value, origin in rows]
    reference, dataset = reference_of(catalog, name)
    changes = differences(catalog, name, reference=reference, dataset=dataset) if reference else []
    if not changes:
        return values
    lines = [f"  {key} = {_text(value)}  ({reference}: {_text(other)})" for key, value, other in changes]
    return [f"what differs from {reference} on {dataset}:", *lines, "", "all that it sets:", *values]


def reference_of(catalog: Catalog, name: str) -> tuple[str, str]:
    """The recipe and the data set with which a recipe is compared: its own, else those of the recipes it is based on.

    Empty where there are none, where they are not installed, and for the reference itself.
    """
    from imtrans.config.sources import recipe_chain

    named = [r for r in recipe_chain(catalog, name) if r.reference and r.reference_dataset]
    reference, dataset = (named[-1].reference, named[-1].reference_dataset) if named else ("", "")
    known = {(entry.kind, entry.name) for entry in catalog.entries()}
    is_known = {("recipe", reference), ("dataset", dataset)} <= known
    return (reference, dataset) if is_known and name != reference else ("", "")


def differences(catalog: Catalog, name: str, *, reference: str, dataset: str) -> list[tuple[str, Any, Any]]:
    """Key, value and the reference's value, where two recipes differ on one data set; "-" where one lacks the key."""
    from imtrans.config.resolve import resolve

    of_reference, of_recipe = (
        {k: v for k, v, _ in resolve(catalog, r, dataset=ComponentRef(dataset)).rows()} for r in (reference, name)
    )
    keys = [k for k in dict.fromkeys([*of_recipe, *of_reference]) if k.partition(".")[0] not in ("recipe", "dataset")]
    rows = [(k, of_recipe.get(k, "-"), of_reference.get(k, "-")) for k in keys]
    own_dataset = catalog.recipe(name).dataset
    # Both were resolved on the reference's data set: the recipe's own is a difference as well.
    changes = [row for row in rows if row[1] != row[2]]
    return [*changes, ("dataset", to_plain(own_dataset), "-")] if own_dataset else changes


def _text(value: Any) -> str:
    return "-" if value == "-" else "none" if value is None else json.dumps(value)
