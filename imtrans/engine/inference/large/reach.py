"""How far an output pixel of a trained model sees, and what memory a pixel takes: the size of tiles follows from it."""

import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

Network = Callable[[Tensor], Tensor]
LEAST = {2: 64, 3: 16}  # height of the strips by axes, for networks of small strides that mirror at the border
LENGTH = {2: 512, 3: 128}  # of the first ones; volumes take more memory
BLOCK = 16  # channels
MOST = 32  # times the first length of a strip: what reaches further is taken as the whole picture


def measured_reach(
    network: Network, channels: int, strides: Sequence[int], *, device: torch.device
) -> tuple[int, ...] | None:
    """How many pixels away from an output pixel an input pixel can still change it along each axis, at most; None: all
    of the picture.

    `network` takes and gives (1, C, *spatial) and must not depend on the picture as a whole (norms with fixed
    statistics). A block as wide as the stride, so that every phase is in it, is filled with NaN, which spreads through
    a network exactly as far as a change could: through zeros of a ReLU and where gradients underflow as well.
    """
    reaches = [_reach(network, channels, strides, axis, device) for axis in range(len(strides))]
    known = tuple(reach for reach in reaches if reach is not None)
    return known if len(known) == len(reaches) else None


def _reach(network: Network, channels: int, strides: Sequence[int], axis: int, device: torch.device) -> int | None:
    """The reach along one axis, from strips that are longer each time."""
    least = LEAST[len(strides)]
    size, stride = [-(-least // step) * step for step in strides], strides[axis]
    length = max(8 * stride, LENGTH[len(strides)] // stride * stride)
    for _ in range(MOST.bit_length() - 1):
        size[axis] = length
        strip = torch.randn(1, channels, *size, generator=torch.Generator().manual_seed(0)).to(device)
        if (spread := _spread(network, strip, stride, axis)) is not None:
            return spread
        length *= 2
    return None


def _spread(network: Network, strip: Tensor, stride: int, axis: int) -> int | None:
    """How far NaN spreads along an axis on either side of the middle; None if it comes to an end of the strip, or does
    not come out at all."""
    length = strip.shape[2 + axis]
    start = length // 2 // stride * stride
    strip.narrow(2 + axis, start, stride).fill_(torch.nan)
    with _plain_convolutions(strip.dim() - 2):
        bad = network(strip).isnan().movedim(2 + axis, 0).flatten(1).any(1).nonzero()
    if not len(bad):
        return None
    first, last = int(bad[0]), int(bad[-1])
    is_at_end = first == 0 or last == length - 1
    return None if is_at_end else max(start - first, last - (start + stride - 1))


@contextmanager
def _plain_convolutions(axes: int) -> Iterator[None]:
    """Convolutions by matrix products: those of Winograd and by FFT mix neighbours, so that NaN spreads too far.

    oneDNN has neither for three axes, where the matrices would hold each voxel 27 times.
    """
    libraries: tuple[Any, ...] = (*([torch.backends.mkldnn] if axes == 2 else []), torch.backends.cudnn)
    before = [library.enabled for library in libraries]
    try:
        for library in libraries:  # their context managers set TF32 as well, and warn of it
            library.enabled = False
        yield
    finally:
        for library, was_enabled in zip(libraries, before, strict=True):
            library.enabled = was_enabled


def measured_bytes(network: Network, picture: Tensor) -> float:
    """The bytes of all tensors that are alive at once, at most, while a picture (1, C, *spatial) goes through the
    network, for each of its pixels."""
    with _LiveBytes() as live:
        network(picture)
    return float(live.peak / math.prod(picture.shape[2:]))


def _in_blocks(tensor: Tensor) -> int:
    """The bytes of the copy that oneDNN makes of what goes into a convolution and comes out of it: in blocks of 16
    channels, of which narrow networks leave most empty. It takes pictures with channels last as they are."""
    if tensor.device.type != "cpu" or (tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)):
        return 0
    return tensor.nbytes // tensor.shape[1] * -(-tensor.shape[1] // BLOCK) * BLOCK


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
        if func.overloadpacket in (torch.ops.aten.convolution, torch.ops.aten.mkldnn_convolution):
            self.peak = max(self.peak, self._now + sum(_in_blocks(tensor) for tensor in (args[0], made)))
        return made

    def _count(self, tensor: Tensor) -> None:
        if tensor.is_mkldnn:  # packed weights: one memory for all pictures, which only the library sees
            return
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
