"""What networks are together: a recipe, and the slots of it that they fill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from imtrans.errors import CheckpointError
from imtrans_junyanz.layouts import Layout

File = tuple[str, Layout]
Files = Sequence[File]
PAIR = "Give the files of one training."


@dataclass(frozen=True, kw_only=True)
class FilledSlots:
    """A recipe, the file and network in each of its slots, keys that must be set, and lines for people."""

    recipe: str
    slots: Mapping[str, tuple[str, Layout]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


def blind(critic: File, channels: int) -> File:
    """A discriminator that does not see the source. CheckpointError where it was made for other channels."""
    name, layout = critic
    if layout.source != channels:
        raise CheckpointError(f"{name}: takes {layout.source} channels; its pictures have {channels}", hint=PAIR)
    norm = {"norm": "plain-instance"} if layout.norm == "instance" else {}
    return name, layout.with_options(conditional=False, **norm)
