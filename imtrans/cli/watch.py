"""imtrans watch"""

from pathlib import Path

import click

from imtrans.errors import ResourceError


@click.command("watch")
@click.argument("run")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port on 127.0.0.1; 0: a free one.")
@click.option("--open/--no-open", "is_opening", default=True, help="Show it in the browser.")
def command(run: str, port: int, is_opening: bool) -> None:
    """Show the report of RUN in the browser, and each new version of it; Ctrl-C ends that, not the run."""
    from imtrans.cli.shared.run_server import RunServer
    from imtrans.engine.checkpoints import checkpoint_paths

    folder = checkpoint_paths.folder_of(Path(run))
    try:
        server = RunServer(folder, port)
    except OSError as error:
        raise ResourceError(f"port {port}: {error.strerror}", hint="Take another one, or none: --port 0") from None
    with server:
        try:
            click.echo(f"{folder.name}: {server.url} (Ctrl-C ends this, the run goes on)")
            if is_opening:
                click.launch(server.url)
            server.serve_forever(poll_interval=0.05)  # how long it takes to end
        except KeyboardInterrupt:
            click.echo("no longer watched")
