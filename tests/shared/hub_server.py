"""A stand-in for the Hugging Face Hub on this machine: what its own library needs to push and to fetch models."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Hub:
    """Repositories with their commits; `refusal` is the status with which the next request for a commit is refused."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.refusal = 0
        self.requests: list[str] = []
        outer = self

        class Handler(_Handler):
            hub = outer

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Hub":
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def commit(self, repo: str, files: dict[str, bytes]) -> str:
        """Add files to a repository; the new commit."""
        commits = self.repos.setdefault(repo, {"private": True, "commits": {}})["commits"]
        before = commits[[*commits][-1]] if commits else {}
        oid = hashlib.sha1(repr((len(commits), sorted(files))).encode()).hexdigest()
        commits[oid] = {**before, **files}
        return oid

    def at(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The commit that a revision means, and its files."""
        commits = self.repos[repo]["commits"]
        oid = [*commits][-1] if revision == "main" and commits else next((c for c in commits if c == revision), "")
        return (oid, commits[oid]) if oid else None


@contextmanager
def served(monkeypatch: Any, cache: Path) -> Iterator[Hub]:
    """A Hub that the library takes for the real one, with a cache of its own; the user is known to it."""
    from huggingface_hub import constants

    with Hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setenv("HF_TOKEN", "hf_right")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield server


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[0] == "api":
            found = self.hub.repos.get("/".join(parts[2:4]))
            return (
                self._json({"id": "/".join(parts[2:4]), "private": found["private"]})
                if found
                else self._missing("Repo")
            )
        repo, revision, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        if repo not in self.hub.repos:
            return self._missing("Repo")
        there = self.hub.at(repo, revision)
        if there is None:
            return self._missing("Revision")
        oid, files = there
        if name not in files:
            return self._missing("Entry", oid)
        digest = hashlib.sha256(files[name]).hexdigest()
        self._answer(200, files[name], {"X-Repo-Commit": oid, "ETag": f'"{digest}"'})

    def do_POST(self) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        body = self._body()
        if self.headers.get("Authorization") != "Bearer hf_right":
            return self._answer(401, b"{}", {"X-Error-Message": "Invalid credentials"})
        if self.path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if self.path == "/api/repos/create":
            return self._create(json.loads(body))
        if self.path.endswith("/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        repo = "/".join(self.path.split("/")[3:5])
        if "/preupload/" in self.path:
            modes = [
                {
                    "path": f["path"],
                    "uploadMode": "lfs" if f["path"].endswith("safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for f in json.loads(body)["files"]
            ]
            return self._json({"files": modes})
        if self.hub.refusal:
            return self._answer(self.hub.refusal, b"{}", {})
        return self._commit(repo, [json.loads(line) for line in body.splitlines()])

    def do_PUT(self) -> None:
        body = self._body()
        self.hub.objects[hashlib.sha256(body).hexdigest()] = body
        self._answer(200, b"", {})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _create(self, asked: dict[str, Any]) -> None:
        repo = f"{asked.get('organization') or 'me'}/{asked['name']}"
        if repo.startswith("others/"):
            return self._answer(403, b"{}", {})
        is_new = repo not in self.hub.repos
        is_private = asked.get("private", asked.get("visibility") == "private")
        self.hub.repos.setdefault(repo, {"private": is_private, "commits": {}})
        return self._json({"url": f"{self.hub.url}/{repo}", "name": repo}, 200 if is_new else 409)

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {
                "oid": each["oid"],
                "size": each["size"],
                "actions": {"upload": {"href": f"{self.hub.url}/objects/{each['oid']}"}},
            }
            for each in asked["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, repo: str, lines: list[dict[str, Any]]) -> None:
        files = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
        oid = self.hub.commit(repo, files)
        url = f"{self.hub.url}/{repo}/commit/{oid}"
        self._json({"commitUrl": url, "commitOid": oid, "success": True})

    def _missing(self, what: str, commit: str = "") -> None:
        self._answer(404, b"{}", {"X-Error-Code": f"{what}NotFound", **({"X-Repo-Commit": commit} if commit else {})})

    def _json(self, value: Any, status: int = 200) -> None:
        self._answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
