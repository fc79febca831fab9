"""The tensors of a pickled file of weights, without running any code in it."""

import io
import pickle
import pickletools
import tarfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from imtrans.errors import CheckpointError
from imtrans.kit.weight_file import all_finite

LEGACY_PICKLES = 5  # in files of torch before 1.6: magic number, protocol, system, the object, its storages' keys
SLACK = 1 << 20  # bytes of names and headers
# The globals in a state dict of plain tensors of any version of torch; others that torch allows are not needed.
ALLOWED_GLOBALS = {
    "collections.OrderedDict",
    "torch.Size",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    *(
        f"torch.{t}Storage"
        for t in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
    ),
}
MAGIC = {b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"\x1f\x8b": "a gzip archive", b"Rar!": "a RAR archive"}
_SAVE_AGAIN = "Where it was made: torch.save(network.state_dict(), 'weights.pth'), then import that file."


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict by name, on the CPU, every number finite.

    The opcodes are read first: a pickle that imports anything but tensors is refused before torch reads it, and the
    error names the import. Then torch loads it with `weights_only`, never without. CheckpointError says what a file is
    instead.
    """
    try:
        _check_kind(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}", hint="Give a file of weights.") from None
    except CheckpointError:
        raise
    except (RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise _unreadable(path, str(error)) from None
    except Exception as error:  # noqa: BLE001 - a damaged pickle can break torch's reader in any way
        raise _unreadable(path, f"{type(error).__name__}: {error}") from None
    return _tensors(content, path)


def globals_of_pickle(stream: BinaryIO) -> Iterator[str]:
    """Every global in the opcodes of a pickle, as module.name. ValueError if the stream holds no pickle."""
    # Only strings are followed: STACK_GLOBAL takes the last two, directly or from the memo.
    strings: list[str] = []
    memo: dict[int, str] = {}
    for code, argument, _ in pickletools.genops(stream):
        if code.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".", 1)
        elif code.name == "STACK_GLOBAL":
            yield ".".join(strings[-2:])
        elif code.name.startswith("EXT"):
            yield f"copyreg extension {argument}"
        elif code.name == "MEMOIZE":
            memo[len(memo)] = strings[-1] if strings else ""
        elif code.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[int(str(argument))] = strings[-1] if strings else ""
        elif code.name in ("GET", "BINGET", "LONG_BINGET"):
            strings.append(memo.get(int(str(argument)), ""))
        elif isinstance(argument, str):
            strings.append(argument)


def _check_kind(path: Path) -> None:
    """Refuse a file that is no state dict; the error says what it is instead."""
    with path.open("rb") as file:
        head = file.read(8)
        kind = next((what for magic, what in MAGIC.items() if head.startswith(magic)), "")
        if kind:
            raise _refused(path, f"is {kind}", hint="Unpack it, and name the file of weights in it.")
        if zipfile.is_zipfile(path):
            if not head.startswith(b"PK\x03\x04"):  # torch would read the data before the archive as a pickle
                raise _refused(path, "has something else before its zip archive")
            _check_zip(path)
        elif tarfile.is_tarfile(path):
            raise _refused(path, "is a tar archive, as torch wrote before 0.1.12, or another one")
        else:
            file.seek(0)
            _check_legacy(path, file)


def _check_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        names = [e.filename for e in entries]
        if any(n.endswith("constants.pkl") or "/code/" in n for n in names):
            raise _refused(path, "is a TorchScript program, not weights")
        pickles = [n for n in names if n.endswith("data.pkl")]
        if len(pickles) != 1:
            raise _refused(path, f"is a zip archive with {len(pickles)} pickles of weights")
        if any(e.compress_type != zipfile.ZIP_STORED for e in entries) or (
            sum(e.file_size for e in entries) > path.stat().st_size
        ):
            raise _refused(path, "is compressed, which torch's files never are")
        _check_globals(path, io.BytesIO(archive.read(pickles[0])))


def _check_legacy(path: Path, file: BinaryIO) -> None:
    for number in range(LEGACY_PICKLES):
        try:
            _check_globals(path, file)
        except ValueError as error:
            if number == 0:
                raise _refused(path, "holds no pickled weights") from error
            return  # cut off or damaged: torch reports it


def _check_globals(path: Path, stream: BinaryIO) -> None:
    for name in globals_of_pickle(stream):
        if name.startswith("torch.nn.modules."):
            raise _refused(path, f"is a whole module, pickled with its code's names ({name})")
        if name not in ALLOWED_GLOBALS:
            raise _refused(
                path,
                f"asks for {name[:100]} when it is read, which plain weights never do; no code of it was run",
                hint="Do not load it elsewhere. If it is a pickled model, ask its authors for its state_dict().",
            )


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):  # as Lightning saves it
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise _refused(path, f"holds a {type(content).__name__}, no weights by name")
    other = [k for k, v in content.items() if not isinstance(k, str) or not isinstance(v, Tensor)]
    if other:
        raise _refused(path, f"holds a {type(content[other[0]]).__name__} under {str(other[0])[:60]!r}")
    tensors: dict[str, Tensor] = {k: v.detach() for k, v in content.items()}
    if any(v.layout != torch.strided or v.is_quantized or v.device.type != "cpu" for v in tensors.values()):
        raise _refused(path, "holds tensors that are not plain numbers")
    # A tensor with stride 0 can claim terabytes of a few bytes.
    if sum(v.numel() * v.element_size() for v in tensors.values()) > path.stat().st_size + SLACK:
        raise _refused(path, "says that it holds more numbers than it has bytes for")
    bad = next((k for k, v in tensors.items() if v.is_floating_point() and not all_finite(v)), None)
    if bad:
        raise _refused(path, f"{bad} holds values that are not finite", hint="Get another copy of it.")
    return tensors


def _unreadable(path: Path, why: str) -> CheckpointError:
    line = " ".join(why.split("\n")[0].split())[:120]
    return _refused(path, f"cannot be read as weights ({line})")


def _refused(path: Path, fault: str, *, hint: str = _SAVE_AGAIN) -> CheckpointError:
    return CheckpointError(f"{path}: {fault}", hint=hint)
