"""The errors of downloads: which may pass, which end the download, and their messages."""

import http.client
import ssl
import urllib.error
import urllib.parse

from imtrans.errors import DataError, DownloadError
from imtrans.net.http import display_url
from imtrans.net.retry import RetryableError, retry_after


def failed(url: str, why: str) -> DownloadError:
    """The error that ends a download: the host, and why."""
    host = urllib.parse.urlsplit(url).hostname
    return DownloadError(
        f"{display_url(url)}: host {host!r} {why}",
        hint="Try again later, or fetch it by hand and put the pictures where --data-root says.",
    )


def mismatch(url: str, got: str, expected: str) -> DataError:
    """The error for a file of another size or sha256 than expected."""
    return DataError(
        f"{display_url(url)}: got {got}, expected {expected}",
        hint="The file was deleted. Try again; if the error remains, its publisher or somebody else has changed it.",
    )


def refused(url: str, error: urllib.error.HTTPError) -> Exception:
    """The error for an HTTP status that is no success."""
    # Timeouts, rate limits and overload pass; other statuses stay the same however often one asks.
    if error.code in (408, 429, 500, 502, 503, 504):
        return RetryableError(
            f"answers {error.code} {error.reason}", wait=retry_after(error.headers.get("Retry-After", ""))
        )
    if error.code == 416:
        return RetryableError("does not know this part of the file")
    if 300 <= error.code < 400:
        where = display_url(error.headers.get("Location", "nowhere"))
        return failed(url, f"redirects to {where}, which is not followed")
    return failed(url, f"answers {error.code} {error.reason}")


def unreachable(url: str, error: Exception, *, tries: int | None) -> Exception:
    """The error for a connection that failed; `tries` is how often to try, None for as often as the policy says."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    # Never retried and never ignored: somebody may be between us and the server.
    if isinstance(cause, ssl.SSLCertVerificationError):
        return failed(url, f"shows a certificate that cannot be verified ({cause.verify_message})")
    return RetryableError(f"cannot be reached (offline? {reason(error)})", tries=tries)


def reason(error: Exception) -> str:
    """Why a connection failed, in a few words."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, http.client.RemoteDisconnected):
        return "it closed the connection"
    return str((isinstance(cause, OSError) and cause.strerror) or type(cause).__name__)


def megabytes(count: int) -> str:
    """A number of bytes in MB, as messages show it."""
    return f"{count / 1e6:,.1f} MB"
