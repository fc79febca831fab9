"""What the commands of one command line share."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from imtrans.errors import join_names, printable
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import Plugins, Selection, discover


@dataclass
class Session:
    """What the commands share: which plugins may load, and whether tracebacks are wanted."""

    selection: Selection
    is_debugging: bool = False
    arguments: Sequence[str] = ()
    found: Plugins | None = None

    @property
    def plugins(self) -> Plugins:
        """Discovered once, with a line on stderr for each broken one."""
        if self.found is None:
            self.found = discover(self.selection)
            for record in self.found.broken:
                click.echo(printable(f"Warning: {record.complaint}"), err=True)
                if self.is_debugging:
                    click.echo(record.trace, err=True)
            if self.found.broken:
                names = join_names(r.name for r in self.found.broken).replace(" ", "")
                click.echo(f"Install what is lacking, or leave it out: IMTRANS_DISABLE_PLUGINS={names}", err=True)
        return self.found

    @property
    def catalog(self) -> Catalog:
        return Catalog(self.plugins.records)
