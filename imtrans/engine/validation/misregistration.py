"""Whether source and target of the pairs of a split lie on each other: the shift of each, and over all."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imtrans.engine.validation.sample_report import SampleReport
from imtrans.interfaces import Issue
from imtrans.kit.features.shift import Shift

FAR = 1.0  # pixels; estimates are within half a pixel, and thick strokes have two edges
SHARE = 0.05  # of all pairs; of unrelated pictures one in a hundred seems to be shifted
ALIKE = 0.5  # pixels of spread around one shift of all pairs
SHOWN = 3
HINT = (
    "Move the pictures where you can; or train so that it matters less: --set reconstruction=pyramid-l1, or "
    "imtrans run reggan (docs/misaligned.md)"
)


def misregistration(reports: Sequence[SampleReport]) -> Issue | None:
    """A warning where one pair in twenty or more is shifted by a pixel or more, with the shift of all and the worst."""
    far = sorted((r for r in reports if r.shift and r.shift.length >= FAR), key=_length, reverse=True)
    if len(far) < max(1.0, SHARE * len(reports)):
        return None
    worst = "; ".join(f"{r.name}: {text(r.shift)}" for r in far[:SHOWN] if r.shift)
    count = f"{len(far):,} of {len(reports):,} pairs are off by {FAR:g} pixel or more"
    what = f"{_over_all(reports)}{count}. Most: {worst}"
    return Issue(
        code="shifted", what=what, hint=HINT, files=tuple(Path(f) for r in far for f in r.files), is_fault=False
    )


def registration_note(reports: Sequence[SampleReport]) -> str | None:
    """What the edges of all pairs say about their shift, in one line; None where they say nothing."""
    shifts = _shifts(reports)
    if not shifts:
        return None
    lengths = [s.length for s in shifts]
    return (
        f"source and target are shifted by {np.median(lengths):.1f} pixels in the median, {max(lengths):.1f} at most "
        f"(edges of {len(shifts):,} of {len(reports):,} pairs)"
    )


def text(shift: Shift) -> str:
    """The shift of a target in words."""
    down, right = (f"{abs(s):.1f} px" for s in shift)
    vertical, horizontal = ("lower" if shift.down >= 0 else "higher"), ("right" if shift.right >= 0 else "left")
    return f"target {down} {vertical}, {right} further {horizontal}"


def _over_all(reports: Sequence[SampleReport]) -> str:
    """The shift that all pairs share, or ""."""
    shifts = np.array(_shifts(reports))
    middle = np.median(shifts, axis=0)
    is_shared = len(shifts) > 1 and np.abs(shifts - middle).max(axis=1).mean() <= ALIKE
    return f"All pairs are shifted alike, the {text(Shift(*map(float, middle)))}. " if is_shared else ""


def _shifts(reports: Sequence[SampleReport]) -> list[Shift]:
    return [r.shift for r in reports if r.shift]


def _length(report: SampleReport) -> float:
    return report.shift.length if report.shift else 0.0
