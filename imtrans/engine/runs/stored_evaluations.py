"""The evaluations that lie in a run's folder, read back."""

import glob
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imtrans import atomic_io

FOLDER = "evaluation"


@dataclass(frozen=True, kw_only=True)
class StoredNumber:
    """A metric's number as it was stored; `baseline` in words, empty where none was measured."""

    value: float
    interval: tuple[float, float] | None
    higher_is_better: bool
    baseline: str

    @property
    def text(self) -> str:
        """The number, with its interval if it has one."""
        return f"{self.value:.4g}" + (" ({:.4g} to {:.4g})".format(*self.interval) if self.interval else "")


@dataclass(frozen=True, kw_only=True)
class StoredEvaluation:
    """One evaluation; `protocol` is its name with its version, `chosen` says how its checkpoint was, if it was."""

    protocol: str
    hash: str
    split: str
    pictures: int
    numbers: Mapping[str, StoredNumber]
    chosen: str = ""


def stored_evaluations(checkpoint: Path) -> list[StoredEvaluation]:
    """The evaluations of a checkpoint, by protocol; what cannot be read, or has no finite number, is left out."""
    if checkpoint.is_file():
        return []
    # step-000300 and best-000300 hold the same weights.
    number = glob.escape(checkpoint.name.rpartition("-")[2])
    paths = sorted((checkpoint.absolute().parent / FOLDER).glob(f"*/*-{number}.json"))
    found = [each for path in paths if (each := _evaluation(atomic_io.read_json(path))) and each.numbers]
    return list({(each.protocol, each.hash): each for each in found}.values())


def _evaluation(record: Mapping[str, Any]) -> StoredEvaluation | None:
    try:
        return StoredEvaluation(
            protocol=f"{record['protocol']} v{int(record['version'])}",
            hash=str(record["hash"]),
            split=str(record["split"]),
            pictures=int(record["pictures"]),
            chosen=str(record.get("chosen") or ""),
            numbers={str(n): number for n, m in record["numbers"].items() if (number := _number(m)) is not None},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _number(fields: Mapping[str, Any]) -> StoredNumber | None:
    value, low, high, baseline = (_finite(fields.get(key)) for key in ("value", "low", "high", "baseline"))
    if value is None:
        return None
    return StoredNumber(
        value=value,
        interval=None if low is None or high is None else (low, high),
        higher_is_better=bool(fields["higher_is_better"]),
        baseline="" if baseline is None else f"{baseline:.4g}",
    )


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
