"""CAD sketches, drawn on demand: by hand, and exactly."""

from collections.abc import Sequence
from pathlib import Path

from imtrans.interfaces import Context, DataSpec, Pair
from imtrans_synthetic import CadOptions
from imtrans_synthetic.cad_drawing import draw

VALIDATION = 100
FIRST = {"train": 0, "val": 1_000_000, "test": 2_000_000}


class Cad:
    """Hand-drawn sketch to exact one, 432 x 288 pixels each, deterministic by index."""

    def __init__(self, options: CadOptions, context: Context) -> None:
        self.data_spec = DataSpec()
        self._count = options.pairs if context.split == "train" else VALIDATION
        self._first = FIRST[context.split]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Pair:
        hand, exact = draw(self._first + index)
        return Pair(source=hand, target=exact, key=f"cad-{self._first + index}")

    def files(self, index: int) -> Sequence[Path]:  # noqa: ARG002 - the protocol's
        """None: it is drawn."""
        return ()
