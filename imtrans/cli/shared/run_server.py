"""The report of a run over HTTP, to this machine alone, with a script that shows each new version."""

import http.server
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

PAGE = "report.html"
PICTURES = "samples"
TYPES = {".png": "image/png", ".webp": "image/webp", ".html": "text/html; charset=utf-8"}
WAITING = "<!doctype html><title>waiting</title><p>There is no report yet: it comes with the first samples."
# The place on the page stays: the browser keeps the scroll position of a page that is reloaded.
REFRESH = """<script>
(() => {
  let seen = null;
  setInterval(async () => {
    try {
      const now = (await fetch("/", { method: "HEAD", cache: "no-store" })).headers.get("ETag");
      if (seen !== null && now !== seen && !document.querySelector("dialog[open]")) location.reload();
      seen = now;
    } catch { /* the server has ended; the page stays */ }
  }, 2000);
})();
</script>
"""


class RunServer(http.server.ThreadingHTTPServer):
    """Serves one run folder on 127.0.0.1: its report, and the pictures in its `samples`. Port 0: any free one."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """The address of the report."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: RunServer
    allowed_hosts: ClassVar[tuple[str, ...]] = ("127.0.0.1", "localhost")

    def do_GET(self) -> None:
        """Answer with a file of the run."""
        self._answer(has_body=True)

    def do_HEAD(self) -> None:
        """Answer with the headers alone."""
        self._answer(has_body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: requests come every two seconds."""

    def _answer(self, *, has_body: bool) -> None:
        # A page of elsewhere whose name was made to mean this machine must not read the run.
        if (self.headers.get("Host") or "").rpartition(":")[0] not in self.allowed_hosts:
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        path = self._file()
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            content, changed = path.read_bytes(), path.stat().st_mtime_ns
        except OSError:
            if path.name != PAGE:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            content, changed = WAITING.encode(), 0
        content += REFRESH.encode() if path.name == PAGE else b""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", TYPES[path.suffix])
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{changed}"')
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if has_body:
            self.wfile.write(content)

    def _file(self) -> Path | None:
        """The file that is asked for; None for any but the report and the pictures beside it."""
        name = unquote(urlsplit(self.path).path).lstrip("/")
        if name in ("", PAGE):
            return self.server.folder / PAGE
        folder = (self.server.folder / PICTURES).resolve()
        path = (self.server.folder / name).resolve()
        return path if path.parent == folder and path.suffix in TYPES and path.suffix != ".html" else None
