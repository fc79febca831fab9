"""When memory runs short: what was used, and a batch that would fit."""

import contextlib
import traceback
from collections.abc import Callable, Iterator

import torch

from imtrans.engine.device import is_shortage
from imtrans.errors import ImtransError, ResourceError


def is_lost_device(error: BaseException) -> bool:
    """Whether the accelerator's context is dead: nothing more can be read from it."""
    lost = isinstance(error, RuntimeError) and "CUDA error" in str(error)
    return lost and not is_shortage(error)


@contextlib.contextmanager
def map_oom_errors(device: torch.device, *, size: int, workers: int, fitting: Callable[[], int]) -> Iterator[None]:
    """Memory faults and lost devices as ResourceError. `fitting` finds how many pictures at once would fit, 0: none."""
    try:
        yield
    except ImtransError:
        raise
    except Exception as error:
        if is_lost_device(error):
            raise ResourceError(
                f"{device} was lost: {str(error).splitlines()[0]}",
                hint="Resume from the last checkpoint: imtrans resume RUN",
            ) from error
        if not is_shortage(error):
            raise
        traceback.clear_frames(error.__traceback__)  # what failed is still held there, and takes the room
        used, size_that_fits = _used(device), fitting()
        raise ResourceError(
            f"out of memory with {size} pictures at once on {device}{used}", hint=_hint(size_that_fits, size, workers)
        ) from error


def largest(size: int, attempt: Callable[[int], None]) -> int:
    """The largest of size/2, size/4, ... for which `attempt` does not run out of memory; 0 if none."""
    while size > 1:
        size //= 2
        try:
            attempt(size)
            return size
        except Exception:  # noqa: BLE001 - libraries report lack of memory by many classes
            continue
    return 0


def _used(device: torch.device) -> str:
    if device.type != "cuda":
        return ""
    free, whole = torch.cuda.mem_get_info(device)
    return f" ({(whole - free) / 1e9:.1f} of {whole / 1e9:.1f} GB used)"


def _hint(size_that_fits: int, size: int, workers: int) -> str:
    if size_that_fits:
        parts = -(-size // size_that_fits)
        return (
            f"{size_that_fits} at once fit: --set train.grad_accum_steps={parts} gives the same gradients in {parts} "
            f"parts, --batch-size {size_that_fits} makes smaller steps."
        )
    rest = f" Loading holds {workers} x 4 batches, too: --workers 0." if workers else ""
    return f"Use a smaller --set data.size=..., generator.width or another --device.{rest}"
