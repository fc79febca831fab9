"""Who is answered: requests by the server's own names, from its own page, with its token; and for how long."""

import asyncio
import ipaddress
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MAX_HEAD = 16_384  # of the lines and the query; h11 limits only what arrives in pieces
COOKIE = "imtrans-token"
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True, kw_only=True)
class Access:
    """The host names that the server answers to, and the token that it asks for ("": none).

    Without a token only these names: a page of elsewhere whose name was made to mean this machine would have another
    one. `takes_addresses`: any IP address will do as well, which such a page cannot have.
    """

    hosts: frozenset[str] = field(default=LOOPBACK)
    token: str = ""
    takes_addresses: bool = False

    def knows_host(self, header: str) -> bool:
        """Whether a Host header names this server."""
        try:
            name = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        return name in self.hosts or (self.takes_addresses and _is_address(name))

    def knows_token(self, given: str) -> bool:
        """Whether this is the token; the time that takes tells nothing about it."""
        return not self.token or secrets.compare_digest(given.encode(), self.token.encode())


class Guard:
    """Answers 403 and 401 before the application sees a request, adds the security headers, and ends slow answers."""

    def __init__(self, app: App, access: Access, send_seconds: float) -> None:
        self._app, self._access, self._send_seconds = app, access, send_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's start and end."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # uvicorn answers 403 to a web socket that is not accepted
        heads = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *ours]
            async with asyncio.timeout(self._send_seconds):  # a client that does not read holds a connection
                await send(message)

        refusal = self._refusal(scope, heads)
        if refusal:
            await _refuse(send_guarded, *refusal)
        elif self._access.token and scope["path"] == "/" and "token=" in scope["query_string"].decode("latin-1"):
            # Out of the address, which browsers keep; a script cannot read the cookie, and no other site sends it.
            cookie = f"{COOKIE}={self._access.token}; HttpOnly; SameSite=Strict; Path=/"
            await _refuse(send_guarded, 303, "", (b"location", b"/"), (b"set-cookie", cookie.encode()))
        else:
            await self._app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, heads: dict[str, str]) -> tuple[int, str] | None:
        if len(scope["query_string"]) + sum(map(len, (*heads, *heads.values()))) > MAX_HEAD:
            return 431, f"the head of the request has more than {MAX_HEAD:,} characters"
        host = heads.get("host", "")
        if not self._access.knows_host(host):
            return 403, "this server does not answer to that name (--host NAME lets it)"
        origin = heads.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return 403, "requests from other pages are not answered"
        if scope["path"] != "/health" and not self._access.knows_token(_token(scope, heads)):
            return (
                401,
                "a token is needed: open the address that was printed, or send Authorization: Bearer TOKEN",
            )
        return None


def _token(scope: Scope, heads: dict[str, str]) -> str:
    scheme, _, bearer = heads.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip()
    fields: dict[str, str] = dict(parse_qsl(scope["query_string"].decode("latin-1"))) if scope["path"] == "/" else {}
    if "token" in fields:
        return fields["token"]
    pairs = (part.strip().partition("=") for part in heads.get("cookie", "").split(";"))
    return next((value for name, _, value in pairs if name == COOKIE), "")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _refuse(send: Send, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    body = json.dumps({"error": text}).encode() if text else b""
    # The body of the request is not read.
    length = str(len(body)).encode()
    heads = [(b"content-type", b"application/json"), (b"content-length", length), (b"connection", b"close"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": heads})
    await send({"type": "http.response.body", "body": body})
