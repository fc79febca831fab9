"""How often something is done in a run: after so many steps, epochs or minutes."""

import re
from dataclasses import dataclass
from typing import Any, Literal

Unit = Literal["steps", "epochs", "minutes"]
ALLOWED = '"500 steps", "1 epoch", "5 minutes" or "never" (a number counts steps)'
# What people write for a unit, and how many of the unit it is.
_UNITS: dict[str, tuple[Unit, float]] = {
    **dict.fromkeys(("step", "steps"), ("steps", 1.0)),
    **dict.fromkeys(("epoch", "epochs"), ("epochs", 1.0)),
    **dict.fromkeys(("minute", "minutes", "min"), ("minutes", 1.0)),
    **dict.fromkeys(("hour", "hours", "h"), ("minutes", 60.0)),
}
_TEXT = re.compile(r"(\d+(?:\.\d+)?|\.\d+)?\s*([a-z]+)")


@dataclass(frozen=True)
class Interval:
    """So many steps, epochs or minutes; an amount of 0 means never."""

    amount: float
    unit: Unit = "steps"

    def __str__(self) -> str:
        if not self.amount:
            return "never"
        amount = int(self.amount) if float(self.amount).is_integer() else self.amount
        return f"{amount} {self.unit.removesuffix('s') if amount == 1 else self.unit}"

    @classmethod
    def parse(cls, value: Any) -> "Interval":
        """The interval that a number of steps, or text such as "1 epoch", means. ValueError for anything else."""
        if isinstance(value, Interval):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return _checked(value, "steps")
        match = _TEXT.fullmatch(str(value).strip().lower()) if isinstance(value, str) else None
        if match and match[0] == "never":
            return cls(0)
        if not match or match[2] not in _UNITS:
            raise ValueError(f"must be {ALLOWED}")
        unit, factor = _UNITS[match[2]]
        return _checked(float(match[1] or 1) * factor, unit)

    def plain(self) -> int | str:
        """The value as files of configuration hold it: steps as the number that they always were."""
        return int(self.amount) if self.unit == "steps" and self.amount else str(self)


def _checked(amount: float, unit: Unit) -> Interval:
    if not 0 < amount < 1e12 or (unit == "steps" and amount % 1):
        raise ValueError(f"must be {ALLOWED}, above 0")
    return Interval(int(amount) if unit == "steps" else amount, unit)
