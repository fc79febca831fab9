"""Models on the Hugging Face Hub: their names, and their file in the Hub's own cache."""

import contextlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imtrans import atomic_io
from imtrans.errors import CheckpointError, ConfigError, printable
from imtrans.net.hub_errors import hub_errors, hub_library

PREFIX = "hf:"
FILE = "model.safetensors"
_NAME = re.compile(r"hf:([\w.-]+/[\w.-]+)(?:@([\w./-]+))?(?:#sha256=([0-9a-f]{64}))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
MAX_BYTES = 20 * 1024**3


@dataclass(frozen=True, kw_only=True)
class HubModel:
    """A model's repository, "USER/NAME"; a branch, tag or commit of it; and the SHA-256 that its file must have."""

    repo: str
    revision: str = "main"
    sha256: str = ""

    @classmethod
    def parse(cls, text: str) -> "HubModel":
        """Of "hf:USER/NAME", "hf:USER/NAME@REVISION" or either with "#sha256=..."; ConfigError for another text."""
        match = _NAME.fullmatch(text)
        if not match:
            raise ConfigError(
                f"{text}: is no name of a model on the Hub", hint="Write hf:USER/NAME or hf:USER/NAME@REV."
            )
        return cls(repo=match[1], revision=match[2] or "main", sha256=match[3] or "")

    def __str__(self) -> str:
        pin = f"#sha256={self.sha256}" if self.sha256 else ""
        return f"{PREFIX}{self.repo}@{self.revision}{pin}"


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """A model's file in the cache, and the name that means exactly this one: with its commit and SHA-256."""

    path: Path
    pinned: HubModel


def is_hub_name(text: object) -> bool:
    """Whether this names a model on the Hub, rightly or wrongly."""
    return str(text).startswith(PREFIX)


def fetch(name: str, *, is_offline: bool = False) -> HubFile:
    """The file of a model on the Hub, downloaded unless the cache has it; with `is_offline` from the cache alone.

    Where the revision is no commit, a line on stderr says which commit it is today. Raises CheckpointError where
    the repository, the revision or the file is missing, or the file has another SHA-256; DownloadError where the
    network fails; NotInstalledError without the extra "hub".
    """
    model, library = HubModel.parse(name), hub_library()
    is_offline = is_offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    with hub_errors(model.repo, str(model), is_offline=is_offline):
        path = Path(_download(library, model, is_offline=is_offline))
    digest = atomic_io.digest(path)
    if model.sha256 and digest != model.sha256:
        raise CheckpointError(
            f"{model}: the file has another SHA-256, {digest}", hint="Somebody has changed it, or the name is wrong."
        )
    blob = path.resolve()  # the cache calls large files by their SHA-256, and compares sizes alone
    if re.fullmatch(r"[0-9a-f]{64}", blob.name) and blob.name != digest:
        raise CheckpointError(f"{model}: the copy in the cache is damaged", hint=f"Remove it to fetch it again: {blob}")
    commit = path.parent.name if _COMMIT.fullmatch(path.parent.name) else model.revision
    pinned = HubModel(repo=model.repo, revision=commit, sha256=digest)
    if commit != model.revision:
        line = f"Note: {model} is now commit {commit}; {PREFIX}{model.repo}@{commit} stays the same"
        print(printable(line), file=sys.stderr)  # noqa: T201
    return HubFile(path=path, pinned=pinned)


def _download(library: Any, model: HubModel, *, is_offline: bool) -> str:
    given = {"repo_id": model.repo, "filename": FILE, "revision": model.revision, "library_name": "imtrans"}
    # Of a commit the cache knows all.
    missing = library.errors.LocalEntryNotFoundError
    with contextlib.suppress(*[] if is_offline else [missing]):
        if is_offline or _COMMIT.fullmatch(model.revision):
            return str(library.hf_hub_download(**given, local_files_only=True))
    url = library.hf_hub_url(model.repo, FILE, revision=model.revision)
    size = library.get_hf_file_metadata(url).size or 0
    if size > MAX_BYTES:
        raise CheckpointError(f"{model}: its file has {size:,} bytes, more than a model may ({MAX_BYTES:,})")
    return str(library.hf_hub_download(**given))
