"""What goes wrong with the Hugging Face Hub, as errors of imtrans."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any

from imtrans.errors import CheckpointError, ConfigError, DownloadError, ImtransError, NotInstalledError, ResourceError

LOGIN = "Log in with `hf auth login`, or set HF_TOKEN to a token that may write (https://hf.co/settings/tokens)."


def hub_library() -> Any:
    """The package huggingface_hub. NotInstalledError says how to install it."""
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        hint = 'python -m pip install "imtrans[hub]"'
        raise NotInstalledError("models on the Hub need the package huggingface_hub", hint=hint) from None
    if not sys.stderr.isatty():
        huggingface_hub.utils.disable_progress_bars()  # type: ignore[attr-defined]
    return huggingface_hub


@contextlib.contextmanager
def hub_errors(repo: str, name: str, *, is_offline: bool = False) -> Iterator[None]:
    """Errors of the library inside the block as those of imtrans, which name `repo` or `name` and what to do."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    with _translated(repo, name, is_offline=is_offline):
        try:
            logger.setLevel(logging.ERROR)  # it logs each try, two lines; in the end there is one message of ours
            yield
        except RuntimeError as error:  # so it wraps what went wrong while a file was sent
            raise error.__cause__ or error from None
        finally:
            logger.setLevel(level)


@contextlib.contextmanager
def _translated(repo: str, name: str, *, is_offline: bool) -> Iterator[None]:
    from huggingface_hub import errors

    # The library has changed its HTTP client twice (requests, httpx, httpx2); its own base class is of the present one.
    transport: Any = next(base for base in errors.HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")
    try:
        yield
    except ImtransError:
        raise
    except errors.GatedRepoError:
        hint = f"Ask for access at its page, and log in. {LOGIN}"
        raise CheckpointError(f"{repo}: its owner admits only some people", hint=hint) from None
    except errors.RepositoryNotFoundError:
        hint = f"Look at the spelling. Of a private one: {LOGIN}"
        raise CheckpointError(
            f"{repo}: there is no such repository on the Hub, or you may not see it", hint=hint
        ) from None
    except errors.RevisionNotFoundError:
        raise CheckpointError(f"{name}: there is no such branch, tag or commit", hint="Leave out @REVISION.") from None
    except errors.LocalEntryNotFoundError as error:
        if is_offline:
            hint = "Run it once without --offline (and without HF_HUB_OFFLINE)."
            raise CheckpointError(f"{name}: is not in the cache, and nothing may be fetched", hint=hint) from None
        raise _unreachable(error) from None
    except errors.EntryNotFoundError:
        hint = "A model of imtrans is made by: imtrans push RUN USER/NAME"
        raise CheckpointError(f"{name}: the repository has no model.safetensors", hint=hint) from None
    except errors.HFValidationError as error:
        raise ConfigError(f"{name}: {_first_line(error)}", hint="Write USER/NAME.") from None
    except errors.HfHubHTTPError as error:
        raise _of_status(error, repo) from None
    except (errors.OfflineModeIsEnabled, transport) as error:
        raise _unreachable(error) from None
    except OSError as error:
        raise ResourceError(
            f"{name}: {_first_line(error)}", hint="Look at the room and the rights of HF_HOME."
        ) from None


def _of_status(error: Any, repo: str) -> ImtransError:
    status = error.response.status_code if error.response is not None else 0
    if status == 401:
        return ResourceError(f"{repo}: the Hub does not know you", hint=LOGIN)
    if status == 403:
        return ResourceError(f"{repo}: you may not write there", hint=f"Name a repository of your own. {LOGIN}")
    if status in (409, 412):
        return ResourceError(f"{repo}: somebody else writes there now", hint="Run the same command again.")
    if status == 429:
        return DownloadError(f"{repo}: the Hub has had too many requests of yours", hint="Try again in an hour.")
    return DownloadError(f"{repo}: the Hub answered with {status}: {_first_line(error)}", hint="Try again later.")


def _unreachable(error: Exception) -> DownloadError:
    what = f"the Hub cannot be reached ({_first_line(error)})"
    return DownloadError(what, hint="Look at the connection; --offline uses what the cache has.")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
