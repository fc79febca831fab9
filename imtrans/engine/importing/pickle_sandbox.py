"""Other people's pickled weights, read in a process of its own: without network, of bounded memory, ended if it hangs.

This module itself imports nothing that starts a thread: Linux lets only a process of one thread leave the network.
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

PATIENCE, PACE = 120, 20_000_000  # seconds for any file, and bytes that each further second is given for
SLACK = 1 << 30  # bytes of memory beside what the file's own numbers take
COPIES = 4  # as torch reads them, as they are written, and some room
CHILD = "from imtrans.engine.importing.pickle_sandbox import child; child()"
NEW_NETWORK, NEW_USER = 0x40000000, 0x10000000  # CLONE_NEWNET, CLONE_NEWUSER
TOLD, WEIGHTS = "told.json", "weights.safetensors"


def read(path: Path) -> "dict[str, Tensor]":
    """What `unpickling.read` gives or raises, from a child that hands tensors back as safetensors.

    CheckpointError also if the child crashes, is killed or takes too long; ResourceError without room to hand over.
    """
    with tempfile.TemporaryDirectory(prefix="imtrans-import-") as folder:
        # -P: a torch.py in the current folder must not be what reads the file.
        command = [sys.executable, "-P", "-c", CHILD, str(path), folder]
        wait(command, path, seconds=PATIENCE + _size(path) / PACE)
        return _handed(Path(folder), path)


def wait(command: Sequence[str], path: Path, *, seconds: float) -> None:
    """Run the child that reads `path` to its end; CheckpointError names the file where that is no good one."""
    root = str(Path(imtrans.__file__).parents[1])
    places = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
    surroundings = {**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1"}  # each thread would reserve memory
    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(
            command, env=surroundings, timeout=seconds, stdin=quiet, stdout=quiet, stderr=quiet, check=False
        )
    except subprocess.TimeoutExpired:
        raise _spoilt(path, f"took more than {seconds:.0f} seconds and was ended") from None
    if done.returncode:
        raise _spoilt(path, f"ended with {_ending(done.returncode)}")


def child() -> None:
    """What runs in the child: the file's tensors, or what is wrong with it, into the folder, both from `sys.argv`."""
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    without_network()
    from imtrans.engine.importing import safe_pickle

    limit(_size(path))
    try:
        told = _hand(safe_pickle.read(path), folder)
    except CheckpointError as error:
        told = {"what": error.what, "hint": error.hint}
    (folder / TOLD).write_text(json.dumps(told), encoding="utf-8")


def without_network() -> bool:
    """Leave the network for an empty one, where the system lets a process do so; whether it did."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        unshare = ctypes.CDLL(None).unshare
    except (OSError, AttributeError):
        return False
    # Root can do without a new user, and keeps the right to read other people's files; others need one.
    return any(unshare(what) == 0 for what in (NEW_NETWORK, NEW_USER | NEW_NETWORK))


def limit(size: int) -> None:
    """From now on no core dump, no file much above `size` bytes, and, on Linux, no more memory than they explain."""
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: size + SLACK}
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        wanted[resource.RLIMIT_AS] = pages * resource.getpagesize() + COPIES * size + SLACK
    for what, most in wanted.items():
        with contextlib.suppress(OSError, ValueError):  # lower already
            resource.setrlimit(what, (most, most))


def _hand(tensors: "dict[str, Tensor]", folder: Path) -> dict[str, Any]:
    """Numbered in the file: a name may be anything, also one that safetensors keeps for itself."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    apart = {str(number): tensor.contiguous().clone() for number, tensor in enumerate(tensors.values())}
    try:
        save_file(apart, folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        return {"room": str(error)}
    return {"names": list(tensors)}


def _handed(folder: Path, path: Path) -> "dict[str, Tensor]":
    """The child has read what nobody trusts: of what it left nothing is taken but texts and numbers."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
        if "room" in told:
            hint = "Make room there, or set TMPDIR to a folder that has some."
            raise ResourceError(f"{folder.parent}: no place for the weights of {path} ({told['room']})", hint=hint)
        if "what" in told:
            raise CheckpointError(str(told["what"]), hint=str(told["hint"]))
        tensors = load_file(folder / WEIGHTS)
        return {str(name): tensors[str(number)] for number, name in enumerate(told["names"])}
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _spoilt(path, f"left nothing that can be used ({type(error).__name__})") from None


def _ending(code: int) -> str:
    if code > 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _spoilt(path: Path, how: str) -> CheckpointError:
    return CheckpointError(f"{path}: the process that read it {how}", hint=_COPY)


_COPY = "Ask for another copy of it; a large one may want a machine with more memory."


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # reading tells what is wrong
