"""Memory that the state of a training is copied to, so that it can be written while training goes on."""

import mmap
from dataclasses import replace

import torch
from torch import Tensor

from imtrans.engine.checkpoints.content import CheckpointContent
from imtrans.engine.device import free_memory

_ALIGNED = 64  # bytes
_AMPLE = 4  # copies that have to fit into free memory for one to be kept


class CopyBuffer:
    """Holds one copy at a time. It is kept for the next where memory is ample: the system takes fifteen times as long
    to give fresh pages as it takes to fill them."""

    def __init__(self) -> None:
        self._pages: mmap.mmap | None = None

    def copy(self, content: CheckpointContent) -> CheckpointContent:
        """The same content in this memory; the copy before must not be in use any more."""
        count = sum(len(tensors) for tensors in content.tensors.values())
        pages, end = self._of_size(content.size + _ALIGNED * count + 1), 0
        copied: dict[str, dict[str, Tensor]] = {file: {} for file in content.tensors}
        for file, tensors in content.tensors.items():
            for name, tensor in tensors.items():
                copied[file][name] = _copied(tensor, pages, end)
                end += -(-tensor.nbytes // _ALIGNED) * _ALIGNED
        return replace(content, tensors=copied)

    def _of_size(self, size: int) -> mmap.mmap:
        if self._pages is not None and len(self._pages) >= size:
            return self._pages
        pages, self._pages = mmap.mmap(-1, size), None
        if hasattr(mmap, "MADV_HUGEPAGE"):
            pages.madvise(mmap.MADV_HUGEPAGE)
        if free_memory(torch.device("cpu")) > _AMPLE * size:
            self._pages = pages
        return pages


def _copied(tensor: Tensor, pages: mmap.mmap, offset: int) -> Tensor:
    if not tensor.numel():
        return tensor.detach().cpu().clone()
    flat = torch.frombuffer(pages, dtype=tensor.dtype, count=tensor.numel(), offset=offset)
    return flat.view(tensor.shape).copy_(tensor.detach())
