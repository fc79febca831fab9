"""How a run's best checkpoint was chosen, and whether by the pictures that are measured now."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imtrans.config.schema import RunConfig
from imtrans.engine.checkpoints import checkpoint_paths, resume
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.interfaces import Split


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The best checkpoint of a run by `metric` on `split`; `is_same`: its pictures are those of the evaluation.

    The best of many numbers is one that chance has helped. Measured once more on the pictures that chose it, it still
    says more than the model can do, and cannot be compared with the number of a model that nobody chose.
    """

    step: int
    metric: str
    value: float
    split: Split = "val"
    is_same: bool = False

    @property
    def record(self) -> dict[str, Any]:
        """The same as values of JSON."""
        return asdict(self)

    @property
    def fact(self) -> str:
        """What has to be said beside the numbers of the chosen checkpoint."""
        chosen = f"step {self.step:,} was chosen by {self.metric} on "
        if not self.is_same:
            return f"{chosen}the pictures of {self.split}, which are others than these"
        return f"{chosen}these pictures ({self.split}): its numbers are too good"

    @property
    def note(self) -> str:
        """The same, and how to measure others."""
        return f"{self.fact}. For others: --split test" if self.is_same else self.fact


def choice_of(run: Path, *, config: RunConfig, loading: PairLoader, split: Split) -> Choice | None:
    """How the best checkpoint of a run was chosen, beside the pictures of `loading`; None where none is kept."""
    record = checkpoint_paths.best_record(run)
    if not record:
        return None
    is_same = resume.holds_split(run, "val", loading, config=config, split=split)
    return Choice(step=record["step"], metric=record["metric"], value=record["value"], is_same=is_same)
