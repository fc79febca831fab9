"""HTTP requests: http and https only, certificates verified, no redirect from https to http."""

import http.client
import ssl
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Protocol, cast

from imtrans.errors import ConfigError


class Answer(Protocol):
    """A server's answer: status, headers, and a body to read."""

    status: int
    headers: http.client.HTTPMessage

    def read1(self, count: int) -> bytes:
        """At most so many bytes of the body, as they arrive."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


def display_url(url: str) -> str:
    """The URL as messages may show it: without user, password, query and fragment, which can hold secrets."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "a URL that cannot be read"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def open_url(url: str, headers: Mapping[str, str], *, connect: float, stall: float) -> Answer:
    """The answer to a GET; `connect` and `stall` in seconds. Raises ConfigError unless `url` is http or https."""
    try:
        parts = urllib.parse.urlsplit(url)
        # Blanks and control characters could inject header lines.
        is_plain = url.isascii() and not any(c <= " " or c == "\x7f" for c in url)
        is_web = is_plain and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web:
        raise ConfigError(
            f"{display_url(url)!r} is no URL to fetch from", hint="Give one that begins with https:// (or http://)."
        )
    user, at, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=host, fragment="")))
    for name, value in {"User-Agent": "imtrans", "Accept-Encoding": "identity", **headers}.items():
        request.add_header(name, value)
    if at:  # urllib would take user and password for a part of the host; unredirected: for this host alone
        login = b64encode(urllib.parse.unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {login}")
    return cast(Answer, _opener(connect).open(request, timeout=stall))


def _opener(connect: float) -> urllib.request.OpenerDirector:
    """urllib's default opener without file, ftp and data URLs."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        _Http(connect),
        _Https(connect),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects from https to http. A URL that is plain http itself may be redirected to any host."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        new = urllib.parse.urlsplit(newurl)
        if new.scheme == "https" or (new.scheme == "http" and req.type == "http"):
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        return None  # urllib then raises the answer as an HTTPError


class _ConnectTimeout:
    """A time limit for connecting that is separate from `timeout`, the longest silence afterwards."""

    connect_seconds = 8.0
    sock: Any
    timeout: Any

    def connect(self) -> None:
        stall, self.timeout = self.timeout, min(self.connect_seconds, self.timeout)
        super().connect()  # type: ignore[misc]
        self.timeout = stall
        self.sock.settimeout(stall)


class _HttpConnection(_ConnectTimeout, http.client.HTTPConnection):
    pass


class _HttpsConnection(_ConnectTimeout, http.client.HTTPSConnection):
    pass


class _Http(urllib.request.HTTPHandler):
    def __init__(self, connect: float) -> None:
        super().__init__()
        self.kind: Any = type("Connection", (_HttpConnection,), {"connect_seconds": connect})

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self.kind, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, connect: float) -> None:
        self.context = ssl.create_default_context()
        super().__init__(context=self.context)
        self.kind: Any = type("Connection", (_HttpsConnection,), {"connect_seconds": connect})

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self.kind, req, context=self.context)
