"""The built-in set: house fronts drawn on demand."""

from collections.abc import Sequence
from pathlib import Path

from imtrans.interfaces import Context, DataSpec, Pair
from imtrans_synthetic import ToyOptions
from imtrans_synthetic.toy_drawing import draw

VALIDATION = 64
FIRST = {"train": 0, "val": 1_000_000, "test": 2_000_000}


class Toy:
    """Label map to picture, deterministic by index and drawn at whatever size is asked for; kept once drawn."""

    def __init__(self, options: ToyOptions, context: Context) -> None:
        self.data_spec = DataSpec()
        self._count = options.pairs if context.split == "train" else VALIDATION
        self._first = FIRST[context.split]
        self._size = tuple(context.size) or (64,)
        self._drawn: dict[int, Pair] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Pair:
        if index not in self._drawn:
            labels, picture = draw(self._first + index, height=self._size[0], width=self._size[-1])
            self._drawn[index] = Pair(source=labels, target=picture, key=f"toy-{self._first + index}")
        return self._drawn[index]

    def files(self, index: int) -> Sequence[Path]:  # noqa: ARG002 - the protocol's
        """None: it is drawn."""
        return ()
