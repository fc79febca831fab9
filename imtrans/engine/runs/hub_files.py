"""What of a run goes to the Hub: the weights, the card, pictures; nothing that tells of the machine."""

import json
import ntpath
import posixpath
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.checkpoints.io import read_tensors
from imtrans.engine.checkpoints.model_file import KEY, read_metadata
from imtrans.engine.runs.model_card import model_card
from imtrans.kit.images import decode, encode
from imtrans.kit.report import samples

PICTURES = 3  # sample sheets at most


def write_hub_files(
    checkpoint: Path, folder: Path, *, licence: str = "", repo: str = "", has_samples: bool = True
) -> dict[str, Path]:
    """Write the files of a checkpoint for a repository into a folder; their paths by their names there.

    Optimizers, logs and earlier checkpoints stay here, and so do absolute paths of the configuration and the names
    of the data's files, which the sample sheets of a run record.
    """
    metadata = without_paths(read_metadata(checkpoint))
    if licence:
        metadata["licence"] = licence
    weights = folder / checkpoint_paths.WEIGHTS
    save_file(read_tensors(checkpoint_paths.weights_file(checkpoint)), weights, {KEY: json.dumps(metadata)})
    config = folder / "config.json"
    config.write_text(json.dumps(metadata, indent=1, sort_keys=True), encoding="utf-8")
    sheets = [] if checkpoint.is_file() or not has_samples else [*samples.grids(checkpoint.parent).values()]
    pictures = {f"{samples.FOLDER}/{path.name}": path for path in sheets[-PICTURES:]}
    for name, path in pictures.items():
        (folder / name).parent.mkdir(exist_ok=True)
        encode(folder / name, decode(path))  # the pixels alone
    card = folder / "README.md"
    card.write_text(model_card(checkpoint, licence=licence, samples=[*pictures], repo=repo), encoding="utf-8")
    names = (checkpoint_paths.WEIGHTS, card.name, config.name, *pictures)
    return {name: folder / name for name in names}


def without_paths(value: Any) -> Any:
    """The same tree in which absolute paths, and those that leave their folder, are their last part alone."""
    if isinstance(value, dict):
        return {key: without_paths(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(each) for each in value]
    if isinstance(value, str) and (posixpath.isabs(value) or ntpath.isabs(value) or value.startswith(("~", ".."))):
        return ntpath.basename(value.rstrip("/\\")) or "."
    return value
