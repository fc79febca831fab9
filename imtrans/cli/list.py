"""imtrans list"""

import json
import re
from collections.abc import Iterable
from typing import Any

import click

from imtrans.cli.session import Session
from imtrans.errors import ConfigError, join_names, nearest
from imtrans.plugins.catalog import LISTED_KINDS, Catalog, CatalogEntry
from imtrans.plugins.component import Component, ComponentRef
from imtrans.plugins.options import specs, to_plain
from imtrans.plugins.recipe import EvalProtocol, Recipe

PAPER, PAPERS_DATA = "pix2pix", "facades"  # what other recipes are told apart from


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
    wanted = kind_named(kind) if kind else None
    offers = [catalog.entry(wanted, name)] if wanted and name else list(catalog.entries(wanted))
    if as_json:
        told = [describe(o) for o in offers]
        click.echo(json.dumps(told[0] if name else told, indent=1))
    elif name:
        click.echo(page(catalog, offers[0]))
    else:
        click.echo(table(offers) or f"no {wanted} is installed")
        slow = [r for r in session.plugins.records if r.seconds > 1]
        click.echo("".join(f"(plugin {r.name} took {r.seconds:.1f} s to load)\n" for r in slow), nl=False, err=True)


def kind_named(text: str) -> str:
    """The kind meant by its name in singular or plural."""
    singular = re.sub(r"ies$", "y", text)
    for candidate in (text, singular, text.removesuffix("s"), text.removesuffix("es")):
        if candidate in LISTED_KINDS:
            return candidate
    raise ConfigError(
        f"no kind {text!r}{nearest(text, LISTED_KINDS)}", hint=f"The kinds: {join_names(LISTED_KINDS, most=20)}"
    )


def table(offers: Iterable[CatalogEntry]) -> str:
    """All offers, by kind, one line each; other people's with the distribution they come from."""
    offers = list(offers)
    width = max((len(o.name) for o in offers), default=0)
    lines: list[str] = []
    for number, offer in enumerate(offers):
        if number == 0 or offers[number - 1].kind != offer.kind:
            lines += ["", offer.kind] if lines else [offer.kind]
        origin = "" if offer.plugin.is_builtin else f"  [{offer.plugin.origin}]"
        lines.append(f"  {offer.name:<{width}}  {getattr(offer.thing, 'summary', '')}{origin}")
    return "\n".join(lines)


def page(catalog: Catalog, offer: CatalogEntry) -> str:
    """One offer with its options, or a recipe with what it sets."""
    thing, plugin = offer.thing, offer.plugin
    lines = [
        f"{offer.kind} {offer.name}: {getattr(thing, 'summary', '')}",
        f"from {plugin.origin}, plugin {plugin.name}",
    ]
    if isinstance(thing, Recipe):
        return "\n".join([*lines, "", *_recipe_lines(catalog, offer.name)])
    if isinstance(thing, EvalProtocol):
        return "\n".join([*lines, "", *_protocol_lines(thing)])
    if isinstance(thing, Component) and thing.kind == "dataset":
        lines += [
            f"source and target as {thing.info.direction}",
            *(f"advises {k} = {json.dumps(to_plain(v))}" for k, v in thing.info.advice.items()),
        ]
        lines += [f"terms: {thing.info.terms}"] if thing.info.terms else []
    options = specs(getattr(thing, "options", None))
    lines += ["", "options:"] if options else ["no options"]
    for s in options.values():
        lines += [f"  {s.name} = {json.dumps(to_plain(s.default))}  ({s.type_name})", f"      {s.help}"]
    return "\n".join(lines)


def describe(offer: CatalogEntry) -> dict[str, Any]:
    """One offer for machines."""
    thing = offer.thing
    options = specs(getattr(thing, "options", None)) if isinstance(thing, Component) else {}
    return {
        "kind": offer.kind,
        "name": offer.name,
        "summary": getattr(thing, "summary", ""),
        "plugin": offer.plugin.name,
        "distribution": offer.plugin.distribution,
        "version": offer.plugin.version,
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
    for title, uses in (("metrics", protocol.metrics), ("metrics, where they are installed", protocol.optional)):
        if uses:
            yield f"{title}:"
            yield from (f"  {u.name}  {json.dumps(to_plain(u.options)) if u.options else ''}".rstrip() for u in uses)


def _recipe_lines(catalog: Catalog, name: str) -> list[str]:
    from imtrans.config.resolve import resolve

    rows = list(resolve(catalog, name).rows())
    mine = [r for r in rows if r[2].startswith("recipe")]
    sets = [f"  {key} = {json.dumps(value)}  ({origin})" for key, value, origin in mine]
    apart = differences(catalog, name)
    if not apart:
        return sets
    told = [f"  {key} = {_shown(value)}  (the paper: {_shown(paper)})" for key, value, paper in apart]
    return [f"what differs from the paper ({PAPER} on {PAPERS_DATA}):", *told, "", "all that it sets:", *sets]


def differences(catalog: Catalog, name: str) -> list[tuple[str, Any, Any]]:
    """Key, value and the paper's value, where a recipe differs from the paper's own; "-" where one lacks the key.

    Both on a data set of the paper, so that what a recipe leaves to the data counts as the paper's. Nothing for the
    paper's recipe itself, and where it is not installed.
    """
    from imtrans.config.resolve import resolve

    known = {(o.kind, o.name) for o in catalog.entries()}
    if name == PAPER or not {("recipe", PAPER), ("dataset", PAPERS_DATA)} <= known:
        return []
    paper, mine = (
        {k: v for k, v, _ in resolve(catalog, r, dataset=ComponentRef(PAPERS_DATA)).rows()} for r in (PAPER, name)
    )
    own = catalog.recipe(name).dataset
    apart = [(k, mine.get(k, "-"), paper.get(k, "-")) for k in dict.fromkeys([*mine, *paper])]
    told = [row for row in apart if row[1] != row[2] and row[0].partition(".")[0] not in ("recipe", "dataset")]
    return told + ([("dataset", to_plain(own), "-")] if own else [])


def _shown(value: Any) -> str:
    return "-" if value == "-" else "none" if value is None else json.dumps(value)
