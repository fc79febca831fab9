"""imtrans plugins check"""

import json
from collections.abc import Iterable, Iterator, Sequence

import click

from imtrans.cli.plugins.probe import CHECK_SECONDS, Step, probed
from imtrans.cli.session import Session
from imtrans.cli.shared.table import paragraph, width_of_output
from imtrans.errors import ConfigError, nearest, printable
from imtrans.plugins.discovery import PluginRecord, entry_points, file_record


@click.command("check")
@click.argument("names", nargs=-1, metavar="[NAME|FILE.py]...")
@click.option(
    "--limit", type=click.FloatRange(1), default=CHECK_SECONDS, metavar="SECONDS", help="Time for each check."
)
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
def command(session: Session, names: Sequence[str], limit: float, as_json: bool) -> int:
    """Check plugins by name, distribution or file (without: all of other people) and whatever they provide.

    Each is loaded and tried in a process of its own, with a limit of time: one that crashes or hangs is named.
    """
    found = [*_chosen([*names, *session.selection.files])]
    if not found and not as_json:
        click.echo("no plugins of other people are installed")
    results: dict[str, list[Step]] = {}
    for record in found:
        shown = results.setdefault(f"{record.distribution}:{record.name}", [])
        click.echo(f"plugin {record.name} ({record.origin})", err=as_json)
        for step in _steps(record, limit, session.is_debugging):
            shown.append(step)
            click.echo("\n".join(_lines(step, is_debugging=session.is_debugging)), err=as_json)
    if as_json:
        click.echo(json.dumps({name: [vars(step) for step in steps] for name, steps in results.items()}, indent=1))
    return 8 if any(step.error for steps in results.values() for step in steps) else 0


def _steps(record: PluginRecord, limit: float, is_debugging: bool) -> Iterable[Step]:
    return [Step("metadata", record.error)] if record.error else probed(record, limit=limit, is_debugging=is_debugging)


def _chosen(names: Sequence[str]) -> Iterator[PluginRecord]:
    """The plugins of these names, none of which is imported. ConfigError names the nearest of an unknown one."""
    installed = [record for record, _ in entry_points()]
    for name in names:
        if name.endswith(".py"):
            yield file_record(name)
            continue
        matches = [r for r in installed if name in (r.name, r.distribution, f"{r.distribution}:{r.name}")]
        if not matches:
            known = {n for r in installed for n in (r.name, r.distribution)}
            raise ConfigError(f"no plugin {name!r}{nearest(name, known)}", hint="All of them: imtrans plugins list")
        yield from matches
    if not names:
        yield from (record for record in installed if not record.is_builtin)


def _lines(step: Step, *, is_debugging: bool) -> Iterator[str]:
    verdict = f"FAILED: {step.error}" if step.error else f"not checked: {step.note}" if step.note else "ok"
    yield from paragraph(f"  {step.name}", printable(verdict), indent=32, width=width_of_output())
    if is_debugging and step.trace:
        yield step.trace
