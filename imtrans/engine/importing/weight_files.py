"""The files of weights that a path stands for."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from imtrans.errors import CheckpointError, join_names

SUFFIXES = {".pth", ".pt", ".safetensors"}
# Of programs that keep several states of each network side by side: latest_net_G.pth, 200_net_G.pth.
STATE = re.compile(r"(latest|\d+)_net_\w+")


def weight_files(path: Path) -> Sequence[Path]:
    """The file itself; of a folder its files of weights, where it has several states the latest one.

    CheckpointError for a folder without any.
    """
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES and p.is_file())
    states = _by_state(files)
    if states:
        return states[max(states, key=_age)]
    if not files:
        what = f"{path}: no file of weights ({', '.join(sorted(SUFFIXES))}) in this folder"
        raise CheckpointError(
            what, hint=f"It has {join_names((p.name for p in path.iterdir()), most=4) or 'no files'}."
        )
    return files


def _by_state(files: Sequence[Path]) -> Mapping[str, list[Path]]:
    states: dict[str, list[Path]] = {}
    for file in files:
        if match := STATE.fullmatch(file.stem):
            states.setdefault(match.group(1), []).append(file)
    return states


def _age(state: str) -> float:
    return float("inf") if state == "latest" else int(state)
