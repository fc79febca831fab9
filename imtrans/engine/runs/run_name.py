"""The name of a run that was given none: its recipe, its data set, and what was changed on the command line."""

import re
from collections.abc import Iterator
from typing import Any

from imtrans.config.schema import RunConfig
from imtrans.engine.checkpoints.resume import HARMLESS
from imtrans.engine.data import run_summary

MAX_CHANGES, MAX_LENGTH = 4, 80
# They say nothing of what is trained, or the name says it already.
_UNNAMED = (*HARMLESS, "recipe", "dataset", "data.skip_invalid", "data.cache", "train.deterministic", "train.compile")
_SHORT = {"batch_size": "batch", "clip_grad_norm": "clip", "grad_accum_steps": "parts"}


def base_name(config: RunConfig) -> str:
    """Recipe and data set, with which the names of all their runs begin."""
    return _plain(f"{config.recipe}-{run_summary.dataset_name(config)}")[:MAX_LENGTH]


def run_name(config: RunConfig) -> str:
    """The name without a number, for example "pix2pix-facades-width32-lr0.001"."""
    changes = list(dict.fromkeys(_changes(config)))
    more = [f"{len(changes) - MAX_CHANGES}-more"] if len(changes) > MAX_CHANGES else []
    return _plain("-".join([base_name(config), *changes[:MAX_CHANGES], *more]))[:MAX_LENGTH].strip("-.")


def _changes(config: RunConfig) -> Iterator[str]:
    """The keys that flags set, with their values."""
    for key, value, origin in config.rows():
        is_unnamed = any(key == name or key.startswith(f"{name}.") for name in _UNNAMED)
        if origin == "flag" and not is_unnamed and value is not None:
            yield _part(key, value)


def _part(key: str, value: Any) -> str:
    *above, last = key.split(".")
    if not above or last == value:  # a component, chosen for its slot
        return str(value)
    if last in ("weight", "name"):
        last = f"{above[-1]}-{last}" if last == "weight" else above[-1]
    if isinstance(value, bool):
        return last if value else f"no-{last}"
    if isinstance(value, list | tuple):
        return f"{_SHORT.get(last, last)}{'x'.join(map(str, value))}"
    return f"{_SHORT.get(last, last)}{f'{value:g}' if isinstance(value, int | float) else f'-{value}'}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")
