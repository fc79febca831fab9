"""imtrans explain"""

from collections.abc import Iterable, Iterator, Sequence

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import FLAGS, flag_of
from imtrans.cli.shared.table import cut, paragraph, table, width_of_output
from imtrans.config.keys import Key, all_keys, example, settings, text, values_in_words
from imtrans.config.synonyms import of_all_groups, suggestion
from imtrans.errors import ConfigError, join_names, nearest
from imtrans.plugins.catalog import Catalog

HEAD = """# All configuration keys

This page is written by `imtrans explain --markdown`. `imtrans explain KEY` shows one key with the recipes and data sets
that set it, and an example. How keys are set: [configuration.md](configuration.md).
"""
COLUMNS = "| key | default | values | meaning |"
TITLES = {"data": "Data", "train": "Training", "inference": "Inference", "dataset": "Data sets", "method": "Methods"}


@click.command("explain")
@click.argument("key", required=False)
@click.option("--markdown", is_flag=True, help="Print the page of all keys, docs/options.md.")
@click.pass_obj
def command(session: Session, key: str | None, markdown: bool) -> None:
    """Say what a configuration KEY means, its values, its default, and where it is set; without KEY: all of them."""
    catalog, width = session.catalog, width_of_output()
    keys = all_keys(catalog)
    if markdown:
        click.echo(page(keys))
    elif key is None:
        click.echo("\n".join(overview(keys, width)))
    else:
        found = find(keys, key)
        is_one = len({k.key for k in found}) == 1
        lines = explanation(catalog, found, width) if is_one else overview(found, width)
        click.echo("\n".join(lines))


def find(keys: Sequence[Key], name: str) -> list[Key]:
    """The keys that a person means: the whole name, a flag, a section, or the end of the name. ConfigError for none."""
    name = name.partition("=")[0].strip().removeprefix("--")
    name = of_all_groups(FLAGS.get(name.replace("-", "_"), name))
    for matches in (
        [k for k in keys if k.key == name],
        [k for k in keys if k.key.startswith(f"{name}.")],
        [k for k in keys if k.key.endswith(f".{name}")],
        [k for k in keys if name in k.owners],
    ):
        if matches:
            return matches
    names = [k.key for k in keys]
    guess = suggestion(name, names) or nearest(name, names) or nearest(name, [n.rpartition(".")[2] for n in names])
    raise ConfigError(f"no key {name!r}{guess}", hint="All keys: imtrans explain")


def overview(keys: Iterable[Key], width: int | None) -> list[str]:
    """Keys, defaults and meanings as a table."""
    return table([(k.key, cut(text(k.spec.default), 16), k.spec.help) for k in keys], width=width, fixed=1)


def explanation(catalog: Catalog, keys: Sequence[Key], width: int | None) -> Iterator[str]:
    """All about one key, for each meaning that it has."""
    for number, k in enumerate(keys):
        yield from [""] if number else []
        yield from paragraph(f"{k.key}:", k.spec.help, indent=2, width=width)
        yield from paragraph("  values", values_in_words(k.spec), indent=12, width=width)
        yield from paragraph("  default", text(k.spec.default), indent=12, width=width)
        if k.owners:
            yield from paragraph("  option of", join_names(k.owners, most=20), indent=12, width=width)
    key, spec = keys[0].key, keys[0].spec
    if flag := flag_of(key):
        yield from paragraph("  flag", flag, indent=12, width=width)
    for who, value in settings(catalog, key):
        yield from paragraph("  set by", f"{who}: {text(value)}", indent=12, width=width)
    given = example(catalog, spec)
    is_plain = given.replace(".", "").replace("-", "").isalnum() or given.startswith('"')
    setting = f"{key}={given}" if is_plain else f"'{key}={given}'"
    yield from paragraph("  example", f"imtrans run RECIPE --set {setting}", indent=12, width=width)


def page(keys: Sequence[Key]) -> str:
    """docs/options.md: a table for each section and slot."""
    lines, before = [HEAD.rstrip()], ""
    for k in keys:
        section = k.key.split(".")[0]
        if section != before:
            lines += [
                "",
                f"## {TITLES.get(section, section)}",
                "",
                COLUMNS,
                "|---|---|---|---|",
            ]
            before = section
        owners = f" (of {join_names(k.owners, most=4)})" if k.owners else ""
        cells = (f"`{k.key}`", f"`{text(k.spec.default)}`", values_in_words(k.spec), f"{k.spec.help}{owners}")
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)
