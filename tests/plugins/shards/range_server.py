"""A web server of a folder that answers requests for ranges, counts what it sends, and can be stopped."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class RangeServer:
    """Serves the files below a folder; `sent` are the bytes of each answer's body."""

    def __init__(self, folder: Path, *, has_ranges: bool = True) -> None:
        self.folder, self.sent, self.port = folder, list[int](), 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(with_body=True)

            def do_HEAD(self) -> None:
                self.answer(with_body=False)

            def answer(self, *, with_body: bool) -> None:
                path = outer.folder / self.path.lstrip("/")
                if not path.is_file():
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                body = path.read_bytes()
                match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                if match and has_ranges:
                    first, last = int(match[1]), min(int(match[2]), len(body) - 1)
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
                    body = body[first : last + 1]
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if with_body:
                    outer.sent.append(len(body))
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self.handler = Handler

    @property
    def address(self) -> str:
        """The address of the folder."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "RangeServer":
        """Serve, at the same port as before."""
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        return self

    def stop(self) -> None:
        """Answer nothing from now on."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.stop()
