"""A web server on this machine that misbehaves as told, and archives made for tests."""

import contextlib
import io
import os
import socket
import ssl
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"  # the servers are on this machine
Behaviour = Callable[[BaseHTTPRequestHandler, bytes], None]


class Server:
    """Serves `body` under every path; `script` says what happens to the first requests, one each."""

    def __init__(self, body: bytes, *script: Behaviour, certificate: Path | None = None) -> None:
        self.body, self.script = body, list(script)
        self.asked: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(dict(self.headers))
                outer.paths.append(self.path)
                behaviour = outer.script.pop(0) if outer.script else plain()
                with contextlib.suppress(ConnectionError):
                    behaviour(self, outer.body)

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """A client that hangs up is what some tests are about."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"

    def url(self, path: str = "set.tar.gz") -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_port}/{path}"

    def __enter__(self) -> "Server":
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def plain(
    *, tag: str = '"1"', ranges: bool = True, cut: int | None = None, length: int | None = None, pause: float = 0
) -> Behaviour:
    """A server as it should be, or that hangs up after `cut` bytes of the answer, or claims another `length`.

    With `pause` it sends a twentieth of the body and waits so many seconds, and so on.
    """

    def behave(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        asked = handler.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and ranges else 0
        is_rest = start > 0 and handler.headers.get("If-Range", tag) == tag
        start = start if is_rest else 0
        handler.send_response(206 if is_rest else 200)
        if is_rest:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        told = len(body) - start if length is None else length
        if told >= 0:
            handler.send_header("Content-Length", str(told))
        if tag:
            handler.send_header("ETag", tag)
        handler.end_headers()
        sent = body[start:] if cut is None else body[start : start + cut]
        step = -(-len(body) // 20) if pause else len(sent) or 1
        for place in range(0, len(sent), step):
            handler.wfile.write(sent[place : place + step])
            time.sleep(pause)

    return behave


def liar(tag: str) -> Behaviour:
    """Sends a part as of another version of the file, though it was asked for this one."""

    def behave(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        handler.send_header("ETag", tag)
        handler.end_headers()
        handler.wfile.write(body[start:])

    return behave


def stall(after: int, seconds: float) -> Behaviour:
    def behave(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("ETag", '"1"')
        handler.end_headers()
        handler.wfile.write(body[:after])
        handler.wfile.flush()
        time.sleep(seconds)

    return behave


def slowly(seconds: float, *, parts: int = 10) -> Behaviour:
    def behave(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        step = -(-len(body) // parts)
        for start in range(0, len(body), step):
            handler.wfile.write(body[start : start + step])
            time.sleep(seconds / parts)

    return behave


def answer(status: int, text: bytes = b"", **headers: str) -> Behaviour:
    """One answer with these headers (underscores for hyphens)."""

    def behave(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    return behave


def nobody() -> int:
    """A port that refuses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def tarball(files: Mapping[str, bytes], *, mode: str = "w:gz") -> bytes:
    return packed([(plain_member(name), data) for name, data in files.items()], mode=mode)


def packed(
    members: list[tuple[tarfile.TarInfo, bytes]], *, mode: str = "w:gz", form: int = tarfile.GNU_FORMAT
) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as tar:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return out.getvalue()


def plain_member(name: str, kind: bytes = tarfile.REGTYPE, **more: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in more.items():
        setattr(info, key, value)
    return info


def facades() -> Iterator[tuple[str, bytes]]:
    """As many files as the real set has, none of them a picture."""
    for split, count in (("train", 400), ("val", 100), ("test", 106)):
        for number in range(count):
            yield f"facades/{split}/{number}.jpg", b"%d" % number


# Signed by itself, for 127.0.0.1, 2020 to 2120. It guards nothing.
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguUT3XwD/bqWy+LnG
NfShG3Jyd4u4DutMoZ2nybYAJmShRANCAASMI5GqfQjdtIelCTslLKTberto7tta
4JjIHX7NpzfOLXnVqPpxTyOCsGCVbgIqyMPWEZLPht4XHEX9t5qppGU1
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBXDCCAQKgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAkxMjcuMC4w
LjEwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CTEyNy4wLjAuMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIwjkap9CN20h6UJ
OyUspNt6u2ju21rgmMgdfs2nN84tedWo+nFPI4KwYJVuAirIw9YRks+G3hccRf23
mqmkZTWjQzBBMA8GA1UdEQQIMAaHBH8AAAEwDwYDVR0TAQH/BAUwAwEB/zAdBgNV
HQ4EFgQUtpLfFAxH+YMoUtszE48X0x3+qNIwCgYIKoZIzj0EAwIDSAAwRQIhALyo
VdZXXI14zhs7KAZ85x19DbjEpDXZRVZfvxxX4OUMAiBZsdWBxmmVZwWWhDu9KbBB
h+SoehnbhbrkiDm4xnRMnA==
-----END CERTIFICATE-----
"""
