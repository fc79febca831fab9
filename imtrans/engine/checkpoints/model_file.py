"""Reading what a model's file says of itself, without torch and without running any code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

import imtrans
from imtrans.engine.checkpoints.checkpoint_paths import broken, weights_file
from imtrans.errors import CheckpointError

FORMAT = 4  # 2: some options had other names (`former` in imtrans.plugins.options); 3: fewer fields of ImageSpec
KEY = "imtrans"  # of the text in the file's header
MAX_HEADER = 100_000_000  # bytes that safetensors reads at most


class TensorInfo(NamedTuple):
    """The type and shape of a stored tensor."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Header:
    """The texts and the tensors that the header of a safetensors file names."""

    texts: Mapping[str, str]
    tensors: Mapping[str, TensorInfo]


def read_header(file: Path) -> Header:
    """The header of a safetensors file. CheckpointError says what is wrong with any other file."""
    try:
        with safe_open(file, framework="np") as opened:
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
            tensors = {name: TensorInfo(s.get_dtype(), tuple(s.get_shape())) for name, s in slices.items()}
            return Header(texts=opened.metadata() or {}, tensors=tensors)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise broken(file, f"{file.name} {_fault(file) or f'cannot be read ({error})'}") from None


def read_metadata(folder: Path) -> dict[str, Any]:
    """The metadata of a checkpoint folder's weights, or of a weights file that was copied alone.

    CheckpointError if they are missing, unreadable, or of a newer version of imtrans.
    """
    try:
        with safe_open(weights_file(folder), framework="np") as file:
            texts: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise broken(folder, f"{weights_file(folder).name} has no readable description ({error})") from None
    if folder.is_file() and KEY not in texts:
        raise CheckpointError(
            f"{folder} is no model of imtrans: nothing in it says which networks its weights are of",
            hint=f"Bring it in, if an importer knows it: imtrans import {folder}",
        )
    return description(texts, folder)


def description(texts: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """The metadata among the texts of a header; errors as for `read_metadata`."""
    try:
        metadata: dict[str, Any] = json.loads(texts[KEY])
        version, writer = int(metadata["format"]), str(metadata["imtrans"])
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise broken(folder, f"{weights_file(folder).name} has no readable description ({error})") from None
    if version > FORMAT:
        raise CheckpointError(
            f"checkpoint {folder}: made by imtrans {writer}, this is {imtrans.__version__}",
            hint="Upgrade: python -m pip install --upgrade imtrans",
        )
    return metadata


def _fault(file: Path) -> str:
    """What is wrong with a file that safetensors refuses, in words; empty where this finds nothing."""
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if stream.read(1) != b"{":
                return "is no safetensors file: it does not begin with a header"
            if length > MAX_HEADER:
                return f"has a header of {length:,} bytes; safetensors allows {MAX_HEADER:,}"
            header = json.loads(b"{" + stream.read(length - 1))
        end = max((e["data_offsets"][1] for name, e in header.items() if name != "__metadata__"), default=0)
        size, should = file.stat().st_size, 8 + length + int(end)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return ""
    return f"is cut short: it has {size:,} of {should:,} bytes" if size < should else ""
