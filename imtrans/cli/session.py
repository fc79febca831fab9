"""The session of one command line: its plugins and its global flags."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from imtrans.errors import join_names, printable
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import Plugins, Selection, discover


@dataclass
class Session:
    """Which plugins may load, whether tracebacks are shown, and the arguments as they were given."""

    selection: Selection
    is_debugging: bool = False
    arguments: Sequence[str] = ()
    discovered: Plugins | None = None

    @property
    def plugins(self) -> Plugins:
        """The plugins, discovered once, with a line on stderr for each broken one."""
        if self.discovered is None:
            _report(self.discover_quietly(), is_debugging=self.is_debugging)
        return self.discover_quietly()

    def discover_quietly(self) -> Plugins:
        """The plugins, discovered once; nothing is said of broken ones."""
        self.discovered = self.discovered or discover(self.selection)
        return self.discovered

    @property
    def catalog(self) -> Catalog:
        """Everything that these plugins provide."""
        return Catalog(self.plugins.records)


def _report(plugins: Plugins, *, is_debugging: bool) -> None:
    """What is wrong with plugins, on stderr: the output of a command with --json stays one document."""
    for record in plugins.broken:
        click.echo(printable(f"Warning: {record.complaint}"), err=True)
        if is_debugging:
            click.echo(record.trace, err=True)
    for record in (r for r in plugins.records if r.changed):
        what = f"plugin {record.name} ({record.origin}) changed {join_names(record.changed)}"
        click.echo(printable(f"Warning: {what} when it was loaded; it was set back"), err=True)
    if plugins.broken:
        names = join_names(r.name for r in plugins.broken).replace(" ", "")
        click.echo(f"Install what is missing, or leave it out: IMTRANS_DISABLE_PLUGINS={names}", err=True)
