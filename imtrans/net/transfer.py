"""The bytes of one file from the network to the disk, with retries and resume."""

import contextlib
import hashlib
import http.client
import os
import shutil
import time
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imtrans.errors import DataError, ResourceError
from imtrans.net import transfer_errors
from imtrans.net.http import Answer, display_url
from imtrans.net.io_errors import ELSEWHERE, map_write_errors
from imtrans.net.partial_download import PartialDownload, forget, note
from imtrans.net.retry import RetryableError, RetryPolicy
from imtrans.net.transfer_errors import megabytes

CHUNK = 1 << 16
MIN_PROGRESS = 1 << 20  # bytes: a try that gets this much further than any before resets the count of failures


@dataclass
class Transfer:
    """The state of one download: how much of it is in the file `part`, and of which version of the remote file."""

    url: str
    part: Path
    sha256: str
    size: int
    copies: float
    tick: Callable[[int, int], None]
    retries: RetryPolicy
    opener: Callable[..., Answer]
    done: int = 0
    total: int = 0
    version: str = ""
    digest: Any = field(default_factory=hashlib.sha256)

    def resume_from(self, partial: PartialDownload) -> None:
        """Continue a download of the same version; its bytes are in `part`."""
        self.version, self.total = partial.version, partial.total
        size = self.part.stat().st_size
        # At least one byte is requested, also of a complete part: the answer shows whether the version is the same.
        self.done = min(size, self.total - 1) if self.total else size
        os.truncate(self.part, self.done)
        with self.part.open("rb") as file:
            while data := file.read(MIN_PROGRESS):
                self.digest.update(data)

    def run(self) -> str:
        """Fetch the rest; returns the sha256 in hexadecimal. DownloadError once the tries are used up."""
        failures = furthest = 0
        while True:
            try:
                self._attempt()
                return self._verify()
            except RetryableError as error:
                failures = 1 if self.done >= furthest + MIN_PROGRESS else failures + 1
                furthest = max(furthest, self.done)
                if failures >= (error.tries or self.retries.tries):
                    raise transfer_errors.failed(self.url, f"{error}, {failures} times") from None
                self._wait(error, failures)

    def _wait(self, error: RetryableError, failures: int) -> None:
        wait = self.retries.pause * 2 ** (failures - 1) if error.wait is None else error.wait
        if wait > self.retries.longest_pause:
            raise transfer_errors.failed(self.url, f"{error}; it asks to wait {wait:,.0f} seconds")
        time.sleep(wait)

    def _attempt(self) -> None:
        headers = {"Range": f"bytes={self.done}-", "If-Range": self.version} if self.done and self.version else {}
        try:
            answer = self.opener(self.url, headers, connect=self.retries.connect, stall=self.retries.stall)
        except urllib.error.HTTPError as error:
            self.version = "" if error.code == 416 else self.version  # 416: shorter than before, so another version
            with error:
                raise transfer_errors.refused(self.url, error) from None
        except (OSError, http.client.HTTPException) as error:
            # Who is offline should hear it within half a minute; a download in progress may wait for the network.
            tries = None if self.done else min(3, self.retries.tries)
            raise transfer_errors.unreachable(self.url, error, tries=tries) from None
        with contextlib.closing(answer):
            _check_content_type(self.url, answer)
            if not self._is_rest(answer):
                self._start_over(answer)
            _check_free_space(self)
            self._receive(answer)

    def _is_rest(self, answer: Answer) -> bool:
        """Whether the answer is the rest of what is in `part`, and of the same version."""
        span, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        is_rest = answer.status == 206 and span.startswith(f"{self.done}-") and total in (str(self.total), "*")
        return self.done > 0 and is_rest and bool(self.version) and _version(answer) == self.version

    def _start_over(self, answer: Answer) -> None:
        self.done, self.digest, self.version = 0, hashlib.sha256(), _version(answer)
        with map_write_errors(self.part):
            forget(self.part)
            self.part.touch()
        if answer.status != 200:
            self.version = ""
            raise RetryableError(f"answers {answer.status} with another part of the file")
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
                    raise transfer_errors.mismatch(self.url, f"more than {self.size:,} bytes", f"{self.size:,}")
        total = self.total or self.size
        if self.done < total and not self._is_expected():
            raise RetryableError(f"ended after {self.done:,} of {total:,} bytes")

    def _read(self, answer: Answer) -> bytes:
        count = min(CHUNK, self.total - self.done) if self.total else CHUNK
        return _read(answer, count, done=self.done, stall=self.retries.stall)

    def _is_expected(self) -> bool:
        # A server may state a wrong Content-Length; what was declared is the better witness.
        if self.sha256:
            return bool(self.digest.hexdigest() == self.sha256)
        return bool(self.size) and self.done == self.size

    def _verify(self) -> str:
        sha256: str = self.digest.hexdigest()
        if self.size and self.done != self.size:
            raise transfer_errors.mismatch(self.url, f"{self.done:,} bytes", f"{self.size:,}")
        if self.sha256 and sha256 != self.sha256:
            raise transfer_errors.mismatch(self.url, f"sha256 {sha256}", self.sha256)
        return sha256


def _read(answer: Answer, count: int, *, done: int, stall: float) -> bytes:
    try:
        return answer.read1(count)
    except http.client.IncompleteRead:
        raise RetryableError(f"ended after {done:,} bytes") from None
    except TimeoutError:
        raise RetryableError(f"sent nothing for {stall:g} seconds") from None
    except (OSError, http.client.HTTPException) as error:
        raise RetryableError(f"broke off after {done:,} bytes ({transfer_errors.reason(error)})") from None


def _check_content_type(url: str, answer: Answer) -> None:
    content_type = answer.headers.get_content_type()
    # A login page or a notice of a move comes with status 200.
    if content_type in ("text/html", "application/xhtml+xml"):
        raise DataError(
            f"{display_url(url)}: got {content_type}, expected an archive",
            hint="Open it in a browser: it may ask for a login or have moved. Then put the files there by hand.",
        )


def _check_free_space(transfer: Transfer) -> None:
    needed = int(((transfer.total or transfer.size) - transfer.done) * transfer.copies)
    folder, url = transfer.part.parent, display_url(transfer.url)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ResourceError(
            f"{folder}: {url} needs {megabytes(needed)}, the disk has {megabytes(free)}", hint=ELSEWHERE
        )


def _version(answer: Answer) -> str:
    """What identifies this version of the file: a strong ETag, else its date, else nothing."""
    tag = answer.headers.get("ETag", "")
    # A weak ETag promises the same meaning, not the same bytes (RFC 9110, 8.8.1).
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")
