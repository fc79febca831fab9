"""What a diagnosis is, and what is known of a run beside its log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imtrans.interfaces import Run
from imtrans_observers.diagnosis.thresholds import bound

HEALTHY, EARLY = "healthy", "too early to tell"


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The state of a run: a name, a sentence with its figures, and one thing to try (empty for a healthy run)."""

    name: str
    sentence: str
    hint: str = ""

    @property
    def is_early(self) -> bool:
        """Whether too little is logged for a diagnosis."""
        return self.name == EARLY

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.name}: {self.sentence}" + (f" To try: {self.hint}" if self.hint else "")


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What a diagnosis knows of a run beside its log.

    `values` are those of its configuration by their dotted keys; `numbers` the numbers of its metrics, and whether
    higher is better; `pairs` how many it is trained on, 0 where that is not known; `steps` its length, `name` that of
    its folder. Without `is_paired` no target belongs to a source: no distance between the two means anything.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, bool] = field(default_factory=dict)
    pairs: int = 0
    steps: int = 0
    name: str = ""
    is_paired: bool = True

    @classmethod
    def of(cls, run: Run) -> "RunFacts":
        """Those of a run."""
        values = {key: value for key, value, _ in run.config.rows()}
        return cls(
            values=values,
            numbers=run.numbers,
            pairs=run.pairs,
            steps=run.steps,
            name=run.folder.name,
            is_paired=run.config.dataset.component.info.is_paired,
        )

    @property
    def longer(self) -> str:
        """How the run is trained on for as long again."""
        steps = max(2 * self.steps, round(bound("steps")))
        return f"a longer training: imtrans resume {self.name} --steps {steps}" if self.name else "a longer training"

    def larger(self, key: str, *, factor: float, most: float) -> str:
        """`--set` with a larger value of a key; "" where the run has no such number, or would exceed `most`."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value or value * factor > most:
            return ""
        return f"--set {key}={value * factor:g}"
