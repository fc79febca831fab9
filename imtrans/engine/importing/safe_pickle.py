"""The tensors of a pickled file of weights, without running anything of it."""

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

PICKLES = 5  # what torch.save wrote before 1.6: magic number, protocol, system, the object, its storages' keys
SLACK = 1 << 20  # bytes: names and headers beside the numbers
# All that a state dict of plain tensors asks for, by torch of any age; what torch allows besides is not needed.
PLAIN = {
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
HEADS = {b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"\x1f\x8b": "a gzip archive", b"Rar!": "a RAR archive"}


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict by name, on the CPU, every number finite.

    The opcodes are read first: what asks for anything but tensors is refused and named, before torch sees it; then
    torch loads with `weights_only`, and with nothing else if that fails. CheckpointError says what a file is instead.
    """
    try:
        _check_kind(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}", hint="Give a file of weights.") from None
    except CheckpointError:
        raise
    except (RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise _unreadable(path, str(error)) from None
    except Exception as error:  # noqa: BLE001 - a damaged pickle can break torch's reader in any way
        raise _unreadable(path, f"{type(error).__name__}: {error}") from None
    return _tensors(found, path)


def globals_of_pickle(stream: BinaryIO) -> Iterator[str]:
    """Every global that the opcodes of a pickle name, as module.name. ValueError where there is no pickle."""
    texts: list[str] = []
    memo: dict[int, str] = {}
    for code, argument, _ in pickletools.genops(stream):
        if code.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".", 1)
        elif code.name == "STACK_GLOBAL":
            yield ".".join(texts[-2:])
        elif code.name.startswith("EXT"):
            yield f"copyreg extension {argument}"
        elif code.name == "MEMOIZE":
            memo[len(memo)] = texts[-1] if texts else ""
        elif code.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[int(str(argument))] = texts[-1] if texts else ""
        elif code.name in ("GET", "BINGET", "LONG_BINGET"):
            texts.append(memo.get(int(str(argument)), ""))
        elif isinstance(argument, str):
            texts.append(argument)


def _check_kind(path: Path) -> None:
    """Refuse what is no state dict, with the name of what it is instead."""
    with path.open("rb") as file:
        head = file.read(8)
        kind = next((what for start, what in HEADS.items() if head.startswith(start)), "")
        if kind:
            raise _refused(path, f"is {kind}", hint="Unpack it, and give the file of weights that is in it.")
        if zipfile.is_zipfile(path):
            if not head.startswith(b"PK\x03\x04"):  # torch would read what stands before
                raise _refused(path, "has something else before its zip archive", hint=_AGAIN)
            _check_zip(path)
        elif tarfile.is_tarfile(path):
            raise _refused(path, "is a tar archive, as torch wrote before 0.1.12, or another one", hint=_AGAIN)
        else:
            file.seek(0)
            _check_old(path, file)


def _check_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        names = [e.filename for e in entries]
        if any(n.endswith("constants.pkl") or "/code/" in n for n in names):
            raise _refused(path, "is a TorchScript program, not weights", hint=_AGAIN)
        pickles = [n for n in names if n.endswith("data.pkl")]
        if len(pickles) != 1:
            raise _refused(path, f"is a zip archive with {len(pickles)} pickles of weights", hint=_AGAIN)
        if any(e.compress_type != zipfile.ZIP_STORED for e in entries) or (
            sum(e.file_size for e in entries) > path.stat().st_size
        ):
            raise _refused(path, "is compressed, which torch's files never are", hint=_AGAIN)
        _check_globals(path, io.BytesIO(archive.read(pickles[0])))


def _check_old(path: Path, file: BinaryIO) -> None:
    for number in range(PICKLES):
        try:
            _check_globals(path, file)
        except ValueError as error:
            if number == 0:
                raise _refused(path, "holds no pickled weights", hint=_AGAIN) from error
            return  # cut off or damaged: torch says what


def _check_globals(path: Path, stream: BinaryIO) -> None:
    for name in globals_of_pickle(stream):
        if name.startswith("torch.nn.modules."):
            raise _refused(path, f"is a whole module, pickled with its code's names ({name})", hint=_AGAIN)
        if name not in PLAIN:
            raise _refused(
                path,
                f"asks for {name[:100]} when it is read, which plain weights never do; nothing of it was run",
                hint="Do not load it elsewhere. If it is a whole pickled model, ask its makers for its state_dict().",
            )


def _tensors(found: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not found:
        raise _refused(path, f"holds a {type(found).__name__}, no weights by name", hint=_AGAIN)
    odd = [k for k, v in found.items() if not isinstance(k, str) or not isinstance(v, Tensor)]
    if odd:
        raise _refused(path, f"holds a {type(found[odd[0]]).__name__} under {str(odd[0])[:60]!r}", hint=_AGAIN)
    named: dict[str, Tensor] = {k: v.detach() for k, v in found.items()}
    if any(v.layout != torch.strided or v.is_quantized or v.device.type != "cpu" for v in named.values()):
        raise _refused(path, "holds tensors that are not plain numbers", hint=_AGAIN)
    if sum(v.numel() * v.element_size() for v in named.values()) > path.stat().st_size + SLACK:
        raise _refused(path, "says that it holds more numbers than it has bytes for", hint=_AGAIN)
    bad = next((k for k, v in named.items() if v.is_floating_point() and not v.isfinite().all()), None)
    if bad:
        raise _refused(path, f"{bad} holds values that are not finite", hint="Ask for another copy of it.")
    return named


_AGAIN = "Where it was made: torch.save(network.state_dict(), 'weights.pth'), then import that file."


def _unreadable(path: Path, why: str) -> CheckpointError:
    first = " ".join(why.split("\n")[0].split())[:120]
    return _refused(path, f"cannot be read as weights ({first})", hint=_AGAIN)


def _refused(path: Path, fault: str, *, hint: str) -> CheckpointError:
    return CheckpointError(f"{path}: {fault}", hint=hint)
