"""Untrusted pickled weights, read in a child process without network, with a limit of memory and of time.

This module imports nothing that starts a thread: on Linux only a process of one thread can leave its network.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imtrans
from imtrans.errors import CheckpointError, ResourceError

if TYPE_CHECKING:
    from torch import Tensor

TIMEOUT, BYTES_PER_SECOND = 120, 20_000_000  # seconds for any file, and one more for so many bytes
SLACK = 1 << 30  # bytes of memory besides the tensors
COPIES = 4  # of the tensors in memory: as read, as written, and a reserve
CHILD = "from imtrans.engine.importing.pickle_sandbox import child; child()"
NEW_NETWORK, NEW_USER = 0x40000000, 0x10000000  # CLONE_NEWNET, CLONE_NEWUSER
RESULT, WEIGHTS = "result.json", "weights.safetensors"


def read(path: Path) -> "dict[str, Tensor]":
    """What `safe_pickle.read` returns or raises, from a child process that returns the tensors as safetensors.

    CheckpointError also if the child crashes, is killed or takes too long; ResourceError if the temporary folder is
    full.
    """
    with tempfile.TemporaryDirectory(prefix="imtrans-import-") as folder:
        # -P: a file torch.py in the current folder must not be imported.
        command = [sys.executable, "-P", "-c", CHILD, str(path), folder]
        wait(command, path, seconds=TIMEOUT + _size(path) / BYTES_PER_SECOND)
        return _read_result(Path(folder), path)


def wait(command: Sequence[str], path: Path, *, seconds: float) -> None:
    """Run the child that reads `path`; CheckpointError names the file if it fails or takes longer than `seconds`."""
    root = str(Path(imtrans.__file__).parents[1])
    search_path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
    # One thread: each reserves address space, which is limited in the child.
    environment = {**os.environ, "PYTHONPATH": search_path, "OMP_NUM_THREADS": "1"}
    null = subprocess.DEVNULL
    try:
        process = subprocess.run(
            command, env=environment, timeout=seconds, stdin=null, stdout=null, stderr=null, check=False
        )
    except subprocess.TimeoutExpired:
        raise _failed(path, f"took more than {seconds:.0f} seconds and was ended") from None
    if process.returncode:
        raise _failed(path, f"ended with {_exit_status(process.returncode)}")


def child() -> None:
    """The child process: write the tensors of a file, or its error, into a folder; both are in `sys.argv`."""
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    without_network()  # before torch is imported, which starts threads
    from imtrans.engine.importing import safe_pickle

    limit_resources(_size(path))
    try:
        result = _write_tensors(safe_pickle.read(path), folder)
    except CheckpointError as error:
        result = {"what": error.what, "hint": error.hint}
    (folder / RESULT).write_text(json.dumps(result), encoding="utf-8")


def without_network() -> bool:
    """Move this process to an empty network, if the system allows it; returns whether it did."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        unshare = ctypes.CDLL(None).unshare
    except (OSError, AttributeError):
        return False
    # Root needs no user namespace, and in one could not read the files of other users; others need one.
    return any(unshare(flags) == 0 for flags in (NEW_NETWORK, NEW_USER | NEW_NETWORK))


def limit_resources(size: int) -> None:
    """Forbid core dumps, files much larger than `size` bytes and, on Linux, more memory than tensors of `size` need."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: size + SLACK}
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + COPIES * size + SLACK
    for kind, limit in limits.items():
        with contextlib.suppress(OSError, ValueError):  # the limit is lower already
            resource.setrlimit(kind, (limit, limit))


def _write_tensors(tensors: "dict[str, Tensor]", folder: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # Numbers as names: a name may be anything, also one that safetensors reserves ("__metadata__"). Cloned, since
    # safetensors refuses tensors that share memory.
    numbered = {str(number): tensor.contiguous().clone() for number, tensor in enumerate(tensors.values())}
    try:
        save_file(numbered, folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        return {"disk": str(error)}
    return {"names": list(tensors)}


def _read_result(folder: Path, path: Path) -> "dict[str, Tensor]":
    """The tensors, or the error, that the child wrote. Only texts and numbers: the child may be compromised."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        if "disk" in result:
            hint = "Make room there, or set TMPDIR to a folder that has some."
            raise ResourceError(f"{folder.parent}: no place for the weights of {path} ({result['disk']})", hint=hint)
        if "what" in result:
            raise CheckpointError(str(result["what"]), hint=str(result["hint"]))
        tensors = load_file(folder / WEIGHTS)
        return {str(name): tensors[str(number)] for number, name in enumerate(result["names"])}
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _failed(path, f"left nothing that can be used ({type(error).__name__})") from None


def _exit_status(code: int) -> str:
    if code > 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):  # a real-time signal has no name
        return signal.Signals(-code).name
    return f"signal {-code}"


def _failed(path: Path, how: str) -> CheckpointError:
    hint = "Get another copy of it; a large file may need a machine with more memory."
    return CheckpointError(f"{path}: the process that read it {how}", hint=hint)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # the reader reports what is wrong
