"""The finished pieces of a film that is not yet finished, in a folder beside it."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imtrans import atomic_io
from imtrans.engine.inference.video.flicker import Flicker, Steadier
from imtrans.errors import ConfigError
from imtrans.kit.images import Array

LENGTH = 48  # frames of a piece: what is lost at most when a translation is interrupted
PLAN, PIECE, STATE, RECORD = "plan.json", "piece.nut", "last-frame.npz", "record.json"


@dataclass(frozen=True)
class Piece:
    """A finished piece: its file, the time and duration of each frame, and how these frames change."""

    path: Path
    times: Sequence[tuple[int, int]]
    flicker: Mapping[str, float]


class FilmParts:
    """The folder OUT.parts of the film OUT. `plan` is what the film is made from: only equal plans are continued."""

    def __init__(self, target: Path, plan: Mapping[str, Any]) -> None:
        self.folder = target.with_name(f"{target.name}.parts")
        self._plan = json.loads(json.dumps(plan))

    def open(self, *, is_continued: bool, is_overwriting: bool) -> None:
        """Make the folder, or take it over. ConfigError where one is there that must not be."""
        if self.count and not is_overwriting:
            if not is_continued:
                hint = "--continue goes on with them; --overwrite begins again."
                raise ConfigError(f"{self.folder}: {self.count} frames of an earlier call are there", hint=hint)
            if differing := self._differing():
                what = f"{self.folder}: was begun with another {', '.join(differing)}"
                raise ConfigError(what, hint="Use the same as then, or --overwrite to begin again.")
        elif self.folder.exists():
            atomic_io.remove_folder(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic_io.sweep(self.folder)
        atomic_io.replace_json(self.folder / PLAN, self._plan)

    def _differing(self) -> list[str]:
        begun = atomic_io.read_json(self.folder / PLAN)
        # A folder without a plan was left by a call that ended before it had done anything.
        return [key for key in self._plan if begun and begun.get(key) != self._plan[key]]

    def pieces(self) -> list[Piece]:
        """The finished pieces from the first one on, without gaps."""
        found: list[Piece] = []
        while atomic_io.is_complete(folder := self._piece(len(found))):
            record = atomic_io.read_json(folder / RECORD)
            found.append(Piece(folder / PIECE, [(t, d) for t, d in record["times"]], record["flicker"]))
        return found

    @property
    def count(self) -> int:
        """How many frames are finished."""
        return sum(len(piece.times) for piece in self.pieces())

    def drop_short(self) -> None:
        """Leave only pieces of the full length: a short one was the last of a shorter film."""
        for number, piece in enumerate(self.pieces()):
            if len(piece.times) != LENGTH:
                atomic_io.remove_folder(self._piece(number))

    def add(self, number: int, content: bytes, *, times: Sequence[tuple[int, int]], last: Steadier) -> None:
        """Keep a finished piece, and the state of `last` after it, as a whole or not at all."""
        state = io.BytesIO()
        np.savez(state, source=_kept(last.source), result=_kept(last.result))
        record = json.dumps({"times": times, "flicker": vars(last.flicker)})
        with atomic_io.staged_folder(self._piece(number)) as stage:
            atomic_io.write_file(stage / PIECE, lambda path: path.write_bytes(content))
            atomic_io.write_file(stage / STATE, lambda path: path.write_bytes(state.getvalue()))
            atomic_io.write_file(stage / RECORD, lambda path: path.write_text(record, encoding="utf-8"))

    def state(self, steady: float) -> Steadier:
        """The state after the last finished piece."""
        if not (pieces := self.pieces()):
            return Steadier(steady)
        with np.load(pieces[-1].path.with_name(STATE)) as arrays:
            return Steadier(steady, source=arrays["source"], result=arrays["result"])

    def flicker(self) -> Flicker:
        """How the frames of all finished pieces change."""
        total = Flicker()
        for piece in self.pieces():
            total.add(piece.flicker)
        return total

    def remove_empty(self) -> None:
        """Delete the folder if nothing is finished."""
        if self.folder.exists() and not self.count:
            self.remove()

    def remove(self) -> None:
        """Delete the folder."""
        atomic_io.remove_folder(self.folder)

    def _piece(self, number: int) -> Path:
        return self.folder / f"{number:06d}"


def _kept(picture: Array | None) -> Array:
    return np.empty(0) if picture is None else picture
