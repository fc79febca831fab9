"""What a model's file is, in plain values: read from its header, without torch, plugins or the weights."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from imtrans import atomic_io
from imtrans.engine.checkpoints.checkpoint_paths import broken, weights_file
from imtrans.engine.checkpoints.model_file import KEY, TensorInfo, description, read_header
from imtrans.engine.checkpoints.required_plugins import required


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """A file of weights; `model` is what it says of itself, None where imtrans did not write it.

    `parameters` are counts by network: of what was trained, or of all stored values where `counted` says so.
    """

    file: Path
    bytes: int
    parameters: Mapping[str, int]
    counted: str
    tensors: Mapping[str, TensorInfo]
    texts: Mapping[str, str]
    model: Mapping[str, Any] | None

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the file, for which all of it is read."""
        return atomic_io.digest(self.file)

    @property
    def dtypes(self) -> str:
        """The types of the tensors, with how many there are of each."""
        counts = Counter(tensor.dtype for tensor in self.tensors.values())
        return ", ".join(f"{count:,} {dtype}" for dtype, count in counts.most_common())

    def record(self, *, has_tensors: bool = False) -> dict[str, Any]:
        """All of it as values of JSON."""
        tensors = {"tensors": {name: t._asdict() for name, t in self.tensors.items()}} if has_tensors else {}
        size = {"file": str(self.file), "bytes": self.bytes, "sha256": self.sha256}
        counts = {self.counted: sum(self.parameters.values()), f"{self.counted}_by_network": dict(self.parameters)}
        return {**size, **counts, "model": self.model, "texts": dict(self.texts), **tensors}


def summarised(checkpoint: Path) -> ModelSummary:
    """The summary of a checkpoint's folder or a file. CheckpointError where it cannot be read."""
    file = weights_file(checkpoint)
    header = read_header(file)
    metadata = description(header.texts, checkpoint) if KEY in header.texts else None
    texts = {key: text for key, text in header.texts.items() if key != KEY}
    counts = _stored(header.tensors)
    try:
        recorded = {str(k): int(v) for k, v in ((metadata or {}).get("parameters") or {}).items()}
        model = _model(metadata, checkpoint, networks=list(counts)) if metadata is not None else None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise broken(checkpoint, f"{file.name} has no readable description ({error!r})") from None
    return ModelSummary(
        file=file,
        bytes=file.stat().st_size,
        parameters=recorded or counts,
        counted="parameters" if recorded else "values",
        tensors=header.tensors,
        texts=texts,
        model=model,
    )


def _model(metadata: Mapping[str, Any], checkpoint: Path, *, networks: Sequence[str]) -> dict[str, Any]:
    config, signals = metadata["config"], metadata["signals"]
    return {
        "run": None if checkpoint.is_file() else checkpoint.absolute().parent.name,
        "recipe": config["recipe"],
        "method": config["method"],
        **{slot: config[slot] for slot in networks if slot in config},
        "source": _side(signals["source"]),
        "target": _side(signals["target"]),
        "pixels": " x ".join(map(str, config["data"]["size"])),
        "step": metadata["step"],
        "data set": config["dataset"]["name"],
        "inference": config["inference"],
        "licence": licence_of(metadata),
        "plugins": [
            {"name": p.name, "version": p.version, "file": bool(p.file), "installed": p.installed}
            for p in required(metadata["plugins"])
        ],
        "imtrans": metadata["imtrans"],
    }


def licence_of(metadata: Mapping[str, Any]) -> str | None:
    """The terms of a model as its metadata state them; files of earlier releases state none."""
    return str(metadata["licence"]) if metadata.get("licence") else None


def _side(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": fields["kind"], "channels": fields["channels"]}


def _stored(tensors: Mapping[str, TensorInfo]) -> dict[str, int]:
    """How many values are stored, by the first part of the tensors' names."""
    counts: Counter[str] = Counter()
    for name, tensor in tensors.items():
        counts[name.split(".")[0]] += math.prod(tensor.shape)
    return dict(counts.most_common())
