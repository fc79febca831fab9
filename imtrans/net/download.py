"""One file from the network: whole and checked, or absent."""

import contextlib
import email.utils
import hashlib
import http.client
import os
import shutil
import ssl
import time
import urllib.error
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imtrans.atomic_io import sync, sync_folder
from imtrans.errors import DataError, DownloadError, Interrupted, ResourceError
from imtrans.net.file_lock import process_name
from imtrans.net.http import Answer, display_url, open_url
from imtrans.net.io_errors import ELSEWHERE, map_write_errors
from imtrans.net.partial_download import PartialDownload, adopt, forget, note, release

Tick = Callable[[int, int], None]
CHUNK = 1 << 16
LEAP = 1 << 20  # a try that brings this much more than any before it counts as a new first one


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often to try, and how long to wait, in seconds."""

    tries: int = 5
    connect: float = 8.0
    stall: float = 60.0
    pause: float = 1.0
    longest_pause: float = 600.0


PATIENT = RetryPolicy()


def download(
    url: str,
    target: Path,
    *,
    sha256: str = "",
    size: int = 0,
    copies: float = 1.0,
    tick: Tick | None = None,
    patience: RetryPolicy = PATIENT,
    opener: Callable[..., Answer] = open_url,
) -> str:
    """Fetch `url` into the file `target`; returns its sha256 in hexadecimal.

    `size` in bytes, 0 for unknown; `copies` times as much room is asked for beforehand. `tick` is told (bytes so far,
    bytes in all or 0). Raises DownloadError for the network, DataError for bytes that are not the ones expected,
    ResourceError for the disk. What an interrupted call or process left is taken up where the server says that the
    file is still the same; after a fault of the network that is what came beyond a megabyte, else nothing is left.
    """
    with map_write_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(process_name(target.name, "part"))
    transfer = _Transfer(url, part, sha256.lower(), size, copies, tick or (lambda _done, _all: None), patience, opener)
    try:
        with map_write_errors(part):
            begun = adopt(part, url, name=target.name)
            part.touch()
            if begun:
                transfer.resume_from(begun)
        found = transfer.run()
        with map_write_errors(target):
            sync(part)
            os.replace(part, target)
            sync_folder(target.parent)
        return found
    except (KeyboardInterrupt, SystemExit, Interrupted):
        release(part, target.name)
        raise
    except DownloadError as error:
        if transfer.done < LEAP or not release(part, target.name):
            raise
        kept = f"What has arrived ({_mb(transfer.done)}) is kept, and the same command goes on from there."
        raise DownloadError(error.what, hint=f"{kept}\n{error.hint}") from None
    finally:
        forget(part)


class _Again(Exception):
    """A try that failed in a way that may pass; `wait` as the server asked, `tries` where fewer are enough."""

    def __init__(self, reason: str, *, wait: float | None = None, tries: int | None = None) -> None:
        super().__init__(reason)
        self.wait, self.tries = wait, tries


@dataclass
class _Transfer:
    """The state of one download: what of it is on the disk, and of which version of the file it is."""

    url: str
    part: Path
    sha256: str
    size: int
    copies: float
    tick: Tick
    patience: RetryPolicy
    opener: Callable[..., Answer]
    done: int = 0
    total: int = 0
    version: str = ""
    digest: Any = field(default_factory=hashlib.sha256)

    def resume_from(self, begun: PartialDownload) -> None:
        """Begin where another download of the same version ended. The last byte is always asked for anew: the answer
        tells whether the version is still the same."""
        self.version, self.total = begun.version, begun.total
        have = self.part.stat().st_size
        self.done = min(have, self.total - 1) if self.total else have
        os.truncate(self.part, self.done)
        with self.part.open("rb") as file:
            while data := file.read(LEAP):
                self.digest.update(data)

    def run(self) -> str:
        failed = furthest = 0
        while True:
            try:
                self._attempt()
                return self._checked()
            except _Again as fault:
                failed = 1 if self.done >= furthest + LEAP else failed + 1
                furthest = max(furthest, self.done)
                if failed >= (fault.tries or self.patience.tries):
                    raise self._gave_up(f"{fault}, {failed} times") from None
                self._wait(fault, failed)

    def _wait(self, fault: _Again, failed: int) -> None:
        wait = self.patience.pause * 2 ** (failed - 1) if fault.wait is None else fault.wait
        if wait > self.patience.longest_pause:
            raise self._gave_up(f"{fault}; it asks to wait {wait:,.0f} seconds")
        time.sleep(wait)

    def _attempt(self) -> None:
        asked = {"Range": f"bytes={self.done}-", "If-Range": self.version} if self.done and self.version else {}
        try:
            answer = self.opener(self.url, asked, connect=self.patience.connect, stall=self.patience.stall)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        with contextlib.closing(answer):
            self._check_kind(answer)
            if not self._goes_on(answer):
                self._start_over(answer)
            self._check_room()
            self._receive(answer)

    def _goes_on(self, answer: Answer) -> bool:
        """Whether the answer is the rest of what is here, and of the same version."""
        told = answer.headers.get("Content-Range", "").removeprefix("bytes ")
        start, _, total = told.partition("/")
        is_rest = answer.status == 206 and start.startswith(f"{self.done}-") and total in (str(self.total), "*")
        return self.done > 0 and is_rest and bool(self.version) and _version(answer) == self.version

    def _start_over(self, answer: Answer) -> None:
        self.done, self.digest, self.version = 0, hashlib.sha256(), _version(answer)
        with map_write_errors(self.part):
            forget(self.part)
            self.part.touch()
        if answer.status != 200:
            self.version = ""
            raise _Again(f"answers {answer.status} with another part of the file")
        length = answer.headers.get("Content-Length", "")
        self.total = int(length) if length.isdecimal() else 0
        with map_write_errors(self.part):
            note(self.part, self.url, version=self.version, total=self.total)

    def _receive(self, answer: Answer) -> None:
        self.tick(self.done, self.total or self.size)
        with map_write_errors(self.part):
            file = self.part.open("ab")
        with file:
            while (not self.total or self.done < self.total) and (data := self._read(answer)):
                with map_write_errors(self.part):
                    file.write(data)
                    file.flush()
                self.digest.update(data)
                self.done += len(data)
                self.tick(self.done, self.total or self.size)
                if self.size and self.done > self.size:
                    raise self._wrong(f"more than {self.size:,} bytes", f"{self.size:,}")
        whole = self.total or self.size
        if self.done < whole and not self._is_as_known():
            raise _Again(f"ended after {self.done:,} of {whole:,} bytes")

    def _read(self, answer: Answer) -> bytes:
        try:
            return answer.read1(min(CHUNK, self.total - self.done) if self.total else CHUNK)
        except http.client.IncompleteRead:
            raise _Again(f"ended after {self.done:,} bytes") from None
        except TimeoutError:
            raise _Again(f"sent nothing for {self.patience.stall:g} seconds") from None
        except (OSError, http.client.HTTPException) as error:
            raise _Again(f"broke off after {self.done:,} bytes ({_reason(error)})") from None

    def _is_as_known(self) -> bool:
        if self.sha256:
            return bool(self.digest.hexdigest() == self.sha256)
        return bool(self.size) and self.done == self.size

    def _checked(self) -> str:
        found: str = self.digest.hexdigest()
        if self.size and self.done != self.size:
            raise self._wrong(f"{self.done:,} bytes", f"{self.size:,}")
        if self.sha256 and found != self.sha256:
            raise self._wrong(f"sha256 {found}", self.sha256)
        return found

    def _check_kind(self, answer: Answer) -> None:
        kind = answer.headers.get_content_type()
        if kind in ("text/html", "application/xhtml+xml"):
            raise DataError(
                f"{display_url(self.url)}: got {kind}, expected an archive",
                hint="Open it in a browser: it may ask for a login or have moved. Then put the files there by hand.",
            )

    def _check_room(self) -> None:
        needed = int(((self.total or self.size) - self.done) * self.copies)
        free = shutil.disk_usage(self.part.parent).free
        if needed > free:
            raise ResourceError(
                f"{self.part.parent}: {display_url(self.url)} needs {_mb(needed)}, the disk has {_mb(free)}",
                hint=ELSEWHERE,
            )

    def _refused(self, error: urllib.error.HTTPError) -> Exception:
        if error.code in (408, 429, 500, 502, 503, 504):
            return _Again(f"answers {error.code} {error.reason}", wait=_told_wait(error.headers.get("Retry-After", "")))
        if error.code == 416:
            self.version = ""
            return _Again("does not know this part of the file")
        if 300 <= error.code < 400:
            where = display_url(error.headers.get("Location", "nowhere"))
            return self._gave_up(f"sends on to {where}, which is not followed from here")
        return self._gave_up(f"answers {error.code} {error.reason}")

    def _unreachable(self, error: Exception) -> Exception:
        inner = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(inner, ssl.SSLCertVerificationError):
            return self._gave_up(f"shows a certificate that cannot be verified ({inner.verify_message})")
        # Who is offline wants to hear so within half a minute; a download under way may wait for the network to return.
        few = None if self.done else min(3, self.patience.tries)
        return _Again(f"cannot be reached (offline? {_reason(error)})", tries=few)

    def _gave_up(self, why: str) -> DownloadError:
        host = urllib.parse.urlsplit(self.url).hostname
        return DownloadError(
            f"{display_url(self.url)}: host {host!r} {why}",
            hint="Try again later, or fetch it by hand and put the pictures where --data-root says.",
        )

    def _wrong(self, got: str, expected: str) -> DataError:
        return DataError(
            f"{display_url(self.url)}: got {got}, expected {expected}",
            hint="The file was deleted. Try again; if it stays so, the publisher or somebody else has changed it.",
        )


def _version(answer: Answer) -> str:
    """What tells this version of the file from others: a strong ETag, else its date, else nothing."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _told_wait(text: str) -> float | None:
    """Retry-After in seconds, from a number or a date; None if it says nothing."""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    if isinstance(inner, http.client.RemoteDisconnected):
        return "it closed the connection"
    return str((isinstance(inner, OSError) and inner.strerror) or type(inner).__name__)


def _mb(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
