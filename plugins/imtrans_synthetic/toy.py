"""The toy set: house fronts generated on demand."""

from imtrans.interfaces import DatasetContext, DataSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans_synthetic.toy_drawing import draw

VALIDATION = 64
# Each split has its own range of indices, so that no scene is in two splits whatever `pairs` is.
FIRST = {"train": 0, "val": 1_000_000, "test": 2_000_000}


class Toy(BaseDataset):
    """Label map to image, deterministic by index and drawn at the run's size; pairs stay in memory once drawn."""

    def __init__(self, *, pairs: int, context: DatasetContext) -> None:
        self.data_spec = DataSpec()
        # `pairs` is for training alone: results stay comparable whatever it is.
        self._count = pairs if context.split == "train" else VALIDATION
        self._first = FIRST[context.split]
        self._size = tuple(context.size) or (64,)
        self._pairs: dict[int, Pair] = {}  # 20 MB for the default 800 pairs of 64 px

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Pair:
        """Scene number `index` of the split, the same bytes each time."""
        if index not in self._pairs:
            labels, picture = draw(self._first + index, height=self._size[0], width=self._size[-1])
            self._pairs[index] = Pair(source=labels, target=picture, key=self.key(index))
        return self._pairs[index]

    def key(self, index: int) -> str:
        """The number of a scene."""
        return f"toy-{self._first + index}"
