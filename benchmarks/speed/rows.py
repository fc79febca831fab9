"""What a benchmark gives: rows of a figure of the plain way, the same of ours, and their ratio over the rounds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

WIDEST = 0.35  # half of the ratios lie within so much of their median, or there is none to tell


@dataclass(frozen=True)
class Row:
    """A figure of each round, in turns; `is_rate`: more is better. `floor`: the least that the machine allows."""

    name: str
    plain: Sequence[float]
    ours: Sequence[float]
    unit: str = "ms"
    is_rate: bool = False
    goal: float = 0.0
    floor: float = 0.0

    @property
    def ratios(self) -> list[float]:
        """How many times better ours is, by round."""
        pairs = zip(self.plain, self.ours, strict=True)
        return sorted(o / p if self.is_rate else p / o for p, o in pairs)

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def is_wide(self) -> bool:
        """Whether the rounds differ too much for their median to mean anything."""
        if len(self.ratios) < 4:
            return False
        low, middle, high = statistics.quantiles(self.ratios, n=4)
        return high - low > WIDEST * middle

    @property
    def cells(self) -> list[str]:
        """As a row of a table."""
        spread = f"{self.ratio:.2f} ({self.ratios[0]:.2f} to {self.ratios[-1]:.2f})"
        best = max if self.is_rate else min
        share = f"{self.floor / statistics.median(self.ours):.0%}" if self.floor else ""
        return [
            self.name,
            *(f"{number(statistics.median(f))} {self.unit}" for f in (self.plain, self.ours)),
            f"refused: {spread}" if self.is_wide else spread,
            f"{best(self.ours) / best(self.plain) if self.is_rate else best(self.plain) / best(self.ours):.2f}",
            f"{self.goal:g}" if self.goal else "",
            share,
        ]


HEAD = ["", "plain", "ours", "ratio (range)", "ratio of the best", "asked", "share of the floor"]


def number(value: float) -> str:
    """Three figures."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    """A Markdown table."""
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
