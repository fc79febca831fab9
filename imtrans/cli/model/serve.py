"""imtrans serve"""

import importlib.metadata
import re
import secrets
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imtrans.cli.model.acceleration_flags import acceleration_flags
from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import as_record
from imtrans.errors import ConfigError

if TYPE_CHECKING:
    from imtrans.engine.inference.acceleration import Precision
    from imtrans.serving.guard import Access

MIN_TOKEN = 16
FLOORS = {"fastapi": (0, 139), "uvicorn": (0, 34), "starlette": (1, 3, 1)}  # those of the extra in pyproject.toml
INSTALL = 'python -m pip install "imtrans[serve]"'


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """The command line of `imtrans serve`."""

    run: str
    host: str
    hosts: tuple[str, ...]
    port: int
    token: str | None
    queue: int
    device: str
    precision: "Precision"
    is_fast: bool
    is_compiled: bool
    offline: bool
    is_opening: bool


@click.command("serve")
@click.argument("run")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="Answer to this host name as well.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option(
    "--token",
    envvar="IMTRANS_TOKEN",
    metavar="TEXT",
    help="What clients must send; made up where other machines can reach the server.",
)
@click.option("--queue", default=32, show_default=True, type=click.IntRange(1, 1000), help="Requests that may wait.")
@click.option("--device", default="auto", help="cpu, cuda, cuda:N, mps or auto.")
@acceleration_flags
@click.option("--offline", is_flag=True, help="Of a model on the Hub: use what the cache has, and fetch nothing.")
@click.option("--open/--no-open", "is_opening", default=True, help="Show the page in the browser.")
@click.pass_obj
@as_record(ServeOptions)
def command(session: Session, options: ServeOptions) -> None:
    """Serve RUN (or RUN@best, or a model's file): a page to draw on, and POST /translate for programs."""
    _check_installed()
    from imtrans.serving import http_server
    from imtrans.serving.guard import Guard
    from imtrans.serving.limits import Limits
    from imtrans.serving.open_model import opened

    access, limits = _access(options), Limits(queue=options.queue)
    with (
        closing(http_server.listen(options.host, options.port)) as listening,
        opened(
            Path(options.run),
            session.plugins,
            device=options.device,
            precision=options.precision,
            is_fast=options.is_fast,
            is_compiled=options.is_compiled,
            limits=limits,
            is_offline=options.offline,
        ) as (name, app),
    ):
        port, guarded = listening.getsockname()[1], Guard(app, access, limits.send_seconds)
        try:
            http_server.run(guarded, listening, limits, started=lambda: _greet(name, options, access, port=port))
        except KeyboardInterrupt:
            click.echo("no longer served")


def _greet(name: str, options: ServeOptions, access: "Access", *, port: int) -> None:
    host = f"[{options.host}]" if ":" in options.host else options.host
    url = f"http://{host}:{port}/"
    if access.takes_addresses:
        click.echo(f"Warning: other machines can reach this server at {host}; they need the token below", err=True)
    page = f"{url}?token={access.token}" if access.token else url
    click.echo(f"{name}: {page} (for programs: {url}docs; Ctrl-C ends this)")
    if options.is_opening:
        click.launch(page)


def _access(options: ServeOptions) -> "Access":
    """Who is answered. ConfigError for a token that can be guessed."""
    import socket

    from imtrans.serving.guard import LOOPBACK, Access

    token = options.token or ""
    if token and (len(token) < MIN_TOKEN or not re.fullmatch(r"[\w.~-]+", token, re.ASCII)):
        what = f"--token: must be {MIN_TOKEN} or more of the characters A-Z a-z 0-9 . _ ~ -"
        raise ConfigError(what, hint=f"For example: --token {secrets.token_urlsafe(24)}")
    names = {*LOOPBACK, *(name.lower() for name in options.hosts)}
    if options.host.lower() in LOOPBACK:
        return Access(hosts=frozenset(names), token=token)
    names |= {options.host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
    return Access(hosts=frozenset(names), token=token or secrets.token_urlsafe(24), takes_addresses=True)


def _check_installed() -> None:
    """ConfigError where a package of the extra is missing or older than its floor."""
    for package, floor in FLOORS.items():
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise ConfigError(f"imtrans serve: {package} is not installed", hint=INSTALL) from None
        if tuple(int(part) for part in re.findall(r"\d+", version)[:3]) < floor:
            needed = ".".join(map(str, floor))
            raise ConfigError(f"imtrans serve: {package} {version} is older than {needed}", hint=INSTALL)
