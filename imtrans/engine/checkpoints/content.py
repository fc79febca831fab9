"""What a checkpoint will hold: taken in a moment, written at leisure."""

import dataclasses
import errno
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from imtrans import atomic_io
from imtrans.engine.checkpoints.checkpoint_paths import STATE


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckpointContent:
    """The files of a checkpoint folder: tensors by name for each safetensors file, their metadata, and state.json."""

    folder: Path
    tensors: Mapping[str, Mapping[str, Tensor]]
    metadata: Mapping[str, Mapping[str, str]]
    state: str

    @property
    def size(self) -> int:
        """The bytes of all tensors."""
        return sum(t.nbytes for tensors in self.tensors.values() for t in tensors.values())

    def write(self) -> Path:
        """Write the folder atomically, and return it. ResourceError where that cannot be done."""
        with atomic_io.staged_folder(self.folder) as stage:
            for file, tensors in self.tensors.items():
                _write(stage / file, tensors, self.metadata.get(file))
            atomic_io.write_file(stage / STATE, lambda path: path.write_text(self.state, encoding="utf-8"))
        return self.folder


def _write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> None:
    unshared = _unshared(tensors)
    atomic_io.write_file(path, lambda part: _save_file(unshared, part, dict(metadata) if metadata else None))


def _save_file(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None) -> None:
    """Write a safetensors file; OSError where it cannot be written, which safetensors hides in an error of its own."""
    try:
        save_file(tensors, path, metadata=metadata)
    except SafetensorError as error:
        match = re.search(r"os error (\d+)", str(error))
        raise OSError(int(match.group(1)) if match else errno.EIO, f"cannot be written ({error})") from error


def _unshared(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU, contiguous, each with memory of its own: safetensors refuses tensors that share it."""
    pointers: set[int] = set()
    unshared = {}
    for name, tensor in tensors.items():
        on_cpu = tensor.detach().cpu().contiguous()
        storage = on_cpu.untyped_storage()
        if storage.data_ptr() in pointers or storage.nbytes() != on_cpu.numel() * on_cpu.element_size():
            on_cpu = on_cpu.clone()
        pointers.add(storage.data_ptr())
        unshared[name] = on_cpu
    return unshared
