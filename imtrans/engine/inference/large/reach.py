"""How far an output pixel of a trained model sees, and what memory a pixel takes: the size of tiles follows from it."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

Network = Callable[[Tensor], Tensor]
LEAST = 64  # height of the strips, for networks of small strides that mirror at the border
MOST = 32  # times the first length of a strip: what reaches further is taken as the whole picture


def measured_reach(network: Network, channels: int, stride: int, *, device: torch.device) -> int | None:
    """How many pixels away from an output pixel an input pixel can still change it, at most; None: all of the picture.

    `network` takes and gives (1, C, H, W) and must not depend on the picture as a whole (norms with fixed statistics).
    A block as wide as the stride, so that every phase is in it, is filled with NaN, which spreads through a network
    exactly as far as a change could: through zeros of a ReLU and where gradients underflow as well.
    """
    length = max(8 * stride, 512)
    height = -(-LEAST // stride) * stride
    for _ in range(MOST.bit_length() - 1):
        spreads = [_spread(network, _strip(channels, height, length, device), stride, axis) for axis in (2, 3)]
        if None not in spreads:
            return max(spread or 0 for spread in spreads)
        length *= 2
    return None


def _strip(channels: int, height: int, length: int, device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, channels, height, length, generator=generator).to(device)


def _spread(network: Network, strip: Tensor, stride: int, axis: int) -> int | None:
    """How far NaN spreads along an axis on either side of the middle; None if it comes to an end of the strip, or does
    not come out at all."""
    start = strip.shape[3] // 2 // stride * stride
    strip[..., start : start + stride] = torch.nan
    with _plain_convolutions():
        translated = network(strip if axis == 3 else strip.transpose(2, 3).contiguous())
    bad = translated.isnan().any(1)[0].any(3 - axis).nonzero()
    if not len(bad):
        return None
    first, last = int(bad[0]), int(bad[-1])
    is_at_end = first == 0 or last == strip.shape[3] - 1
    return None if is_at_end else max(start - first, last - (start + stride - 1))


@contextmanager
def _plain_convolutions() -> Iterator[None]:
    """Convolutions by matrix products: those of Winograd and by FFT mix neighbours, so that NaN spreads too far."""
    libraries: tuple[Any, ...] = (torch.backends.mkldnn, torch.backends.cudnn)
    before = [library.enabled for library in libraries]
    try:
        for library in libraries:  # their context managers set TF32 as well, and warn of it
            library.enabled = False
        yield
    finally:
        for library, was_enabled in zip(libraries, before, strict=True):
            library.enabled = was_enabled


def measured_bytes(network: Network, picture: Tensor) -> float:
    """The bytes of all tensors that are alive at once, at most, while a picture (1, C, H, W) goes through the network,
    for each of its pixels."""
    with _LiveBytes() as live:
        network(picture)
    return float(live.peak / (picture.shape[2] * picture.shape[3]))


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the storages that operators make, as long as they live."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = self._now = 0
        self._known: set[int] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False: else the first operator would import torch's compiler, which takes a second and is not used here."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        tree_map_only(Tensor, self._count, made)
        return made

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        place, size = storage._cdata, storage.nbytes()
        if place in self._known:
            return
        self._known.add(place)
        weakref.finalize(storage, self._freed, place, size)
        self._now += size
        self.peak = max(self.peak, self._now)

    def _freed(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size
