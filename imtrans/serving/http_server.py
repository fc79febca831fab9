"""The sockets: where the server listens, and how long it waits for a request to arrive."""

import errno
import logging
import socket
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from imtrans.errors import ConfigError, ResourceError
from imtrans.serving.guard import App
from imtrans.serving.limits import Limits

PORTS = 65535


class TimedProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection on which the head of a request has not arrived in time.

    uvicorn itself waits for ever: a few hundred silent clients would take all connections.
    """

    head_seconds = 10.0
    _timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.head_seconds, transport.close)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived; the time for the head runs from its first byte."""
        if self._timer is None and not self._is_answering():
            self._timer = self.loop.call_later(self.head_seconds, self.transport.close)
        super().data_received(data)
        if self._is_answering():
            self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer with the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0: any free one. ResourceError names the next free port."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise ConfigError(f"--host {host}: no address of this machine", hint="Use --host 127.0.0.1 or ::1.") from None
    try:
        return _bound(family, kind, address)
    except OSError as error:
        what = f"{host} port {port}: {error.strerror}"
        raise ResourceError(what, hint=_advice(error, family, kind, address)) from None


class _Server(uvicorn.Server):
    """Says when it answers: before that Ctrl-C would leave it half made."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets=sockets)
        self._tell_started()


def run(app: App, listening: socket.socket, limits: Limits, *, started: Callable[[], None]) -> None:
    """Answer requests until Ctrl-C (KeyboardInterrupt) or SIGTERM; `started` is called when it begins to."""
    # Our own limits count: a class, because uvicorn makes one protocol for each connection.
    protocol = type("Protocol", (TimedProtocol,), {"head_seconds": limits.head_seconds})
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    options: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False, "ws": "none"}
    config = uvicorn.Config(
        app,
        http=protocol,
        limit_concurrency=limits.connections,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=16_384,
        proxy_headers=False,
        **options,
    )
    _Server(config, started).run(sockets=[listening])


def _bound(family: int, kind: int, address: Any) -> socket.socket:
    listening = socket.socket(family, kind)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)  # two servers can bind one port; only the first can listen
    except OSError:
        listening.close()
        raise
    return listening


def _advice(error: OSError, family: int, kind: int, address: Any) -> str:
    if error.errno not in (errno.EADDRINUSE, errno.EACCES):
        return "Give an address of this machine: --host 127.0.0.1"
    begin = address[1] + 1 if error.errno == errno.EADDRINUSE else 1024
    for port in range(begin, min(begin + 100, PORTS)):
        try:
            _bound(family, kind, (address[0], port, *address[2:])).close()
        except OSError:
            continue
        return f"Port {port} is free: --port {port}"
    return "Take any free port: --port 0"
