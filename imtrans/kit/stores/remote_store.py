"""An object store or a web server, read through fsspec."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from imtrans.errors import DataError, DownloadError, NotInstalledError, ResourceError
from imtrans.kit.stores.range_cache import RangeCache
from imtrans.net.http import display_url
from imtrans.net.retry import DEFAULT_RETRIES, RetryPolicy

Result = TypeVar("Result")
PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
BEYOND = 416  # the answer to a range that begins behind the end
UNLISTED = ("http", "https")  # a page of links is no list of files: what a server shows there is its own affair


class RemoteStore:
    """The files under an address that fsspec reads. Its options and keys come from fsspec's and the stores' own
    settings: their environment variables and files. Nothing of them is kept or shown."""

    def __init__(self, address: str, *, cache_bytes: int = 0, retries: RetryPolicy = DEFAULT_RETRIES) -> None:
        self._root, self._cache_bytes, self._retries = address.rstrip("/"), cache_bytes, retries
        self.address, self._scheme = display_url(self._root), address.partition("://")[0]
        self._cache = RangeCache(cache_bytes) if cache_bytes else None
        self._pid, self._system = 0, None
        self._files()  # what is not installed is said at once

    def sizes(self) -> Mapping[str, int] | None:
        """The names that are there now, with their bytes; None of a web server."""
        if self._scheme in UNLISTED:
            return None
        # Asked anew each time: fsspec remembers a folder's files, and never sees those that others add.
        entries = self._tried(self.address, lambda: self._files().ls(self._root, detail=True, refresh=True))
        return {e["name"].rstrip("/").rpartition("/")[2]: int(e["size"] or 0) for e in entries if e["type"] == "file"}

    def tree(self) -> Sequence[str] | None:
        """The names of all files, also of those in folders; None of a web server."""
        if self._scheme in UNLISTED:
            return None
        names = self._tried(self.address, lambda: self._files().find(self._root, refresh=True))
        root = str(self._files()._strip_protocol(self._root)).rstrip("/") + "/"
        return [str(name).removeprefix(root) for name in names]

    def read(self, name: str) -> bytes:
        """A whole file."""
        content: bytes = self._tried(self.place(name), lambda: self._files().cat_file(self._url(name)))
        return content

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        """Whole files, many at a time."""
        if len(names) < 2:
            return [self.read(name) for name in names]
        urls = [self._url(name) for name in names]
        files = self._tried(self.address, lambda: self._files().cat(urls))
        return [files[key] for key in (self._stripped(url, files) for url in urls)]

    def read_range(self, name: str, start: int, end: int) -> bytes:
        """The bytes of a file from `start` to before `end`, from the cache or the store, and no others."""
        url = self._url(name)
        cached = self._cache.get(url, start, end) if self._cache else None
        if cached is not None:
            return cached
        # Not by `open` and `seek`: s3fs would read 50 MiB ahead.
        content: bytes = self._tried(
            self.place(name), lambda: self._files().cat_ranges([url], [start], [end], on_error="raise")[0]
        )
        if len(content) > end - start:
            hint = "Serve the files by a server that answers requests for ranges, or copy them to this machine."
            raise DataError(f"{self.place(name)}: the server sends whole files where a part is asked for", hint=hint)
        if self._cache and len(content) == end - start:
            self._cache.put(url, start, end, content)
        return content

    def forget(self, name: str, start: int, end: int) -> None:
        """Drop what the cache holds of this part."""
        if self._cache:
            self._cache.drop(self._url(name), start, end)

    def write(self, name: str, content: Path) -> None:
        """Upload a file."""
        self._tried(self.place(name), lambda: self._files().put_file(str(content), self._url(name)))

    def place(self, name: str) -> str:
        """The address of a file, without what may be secret in it."""
        return f"{self.address}/{name}"

    def path(self, name: str) -> Path | None:  # noqa: ARG002 - the protocol's
        """None: it is not on this machine."""
        return None

    def _url(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _stripped(self, url: str, files: Mapping[str, bytes]) -> str:
        return url if url in files else str(self._files()._strip_protocol(url))

    def _files(self) -> Any:
        """fsspec's file system, made anew after a fork: its thread stays in the parent."""
        if self._system is None or self._pid != os.getpid():
            self._system, self._pid = _file_system(self._scheme), os.getpid()
        return self._system

    def _tried(self, place: str, call: Callable[[], Result]) -> Result:
        """What a call gives; where the store does not answer it is tried again, after longer and longer waits."""
        pause = self._retries.pause
        for attempt in range(1, self._retries.tries + 1):
            try:
                return call()
            except FileNotFoundError:
                raise DataError(f"{place}: is not there", hint="Restore it, or give another address.") from None
            except PermissionError:
                hint = "Look at the keys of that store: the environment variables and files that fsspec reads."
                raise ResourceError(f"{place}: the store refuses it", hint=hint) from None
            except Exception as error:  # noqa: BLE001 - each store has errors of its own, of many libraries
                if getattr(error, "status", 0) == BEYOND:
                    hint = "Copy it there again."
                    raise DataError(f"{place}: is shorter than it should be", hint=hint) from None
                if attempt == self._retries.tries:
                    raise _silent(place, error, attempt) from None
                why = type(error).__name__
                print(f"Warning: {place}: {why}; trying again in {pause:g} s", file=sys.stderr)  # noqa: T201
                time.sleep(pause)
                pause *= 2
        raise AssertionError("unreachable")

    def __getstate__(self) -> dict[str, Any]:
        return {"address": self._root, "cache_bytes": self._cache_bytes, "retries": self._retries}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def _silent(place: str, error: Exception, tries: int) -> DownloadError:
    text = " ".join(str(error).split())[:160]
    hint = "Look at the network and the store. A run goes on from its last checkpoint: imtrans resume RUN"
    return DownloadError(f"{place}: no answer after {tries} tries ({type(error).__name__}: {text})", hint=hint)


def _file_system(scheme: str) -> Any:
    try:
        import fsspec

        # An instance of its own: shared ones remember the listings of others.
        return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)
    except ImportError:
        package = PACKAGES.get(scheme, "fsspec[http]")
        raise NotInstalledError(
            f"{scheme}:// needs {package}, which is not installed",
            hint=f'python -m pip install "imtrans[remote]" {package}',
        ) from None
    except ValueError:
        hint = "For example s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, https://HOST/FOLDER."
        raise DataError(f"{scheme}://: fsspec reads no such addresses", hint=hint) from None
