"""CAD sketches generated on demand: hand-drawn ones, and the exact drawings."""

from imtrans.interfaces import DatasetContext, DataSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans_synthetic.cad_drawing import draw

VALIDATION = 100
# Each split has its own range of indices, so that no sketch is in two splits whatever `pairs` is.
FIRST = {"train": 0, "val": 1_000_000, "test": 2_000_000}


class Cad(BaseDataset):
    """Hand-drawn sketch to exact drawing, 432 x 288 pixels each, deterministic by index."""

    def __init__(self, *, pairs: int, context: DatasetContext) -> None:
        self.data_spec = DataSpec()
        # `pairs` is for training alone: results stay comparable whatever it is.
        self._count = pairs if context.split == "train" else VALIDATION
        self._first = FIRST[context.split]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Pair:
        """Sketch number `index` of the split, the same bytes each time."""
        hand, exact = draw(self._first + index)
        return Pair(source=hand, target=exact, key=self.key(index))

    def key(self, index: int) -> str:
        """The number of a sketch."""
        return f"cad-{self._first + index}"
