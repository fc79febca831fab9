"""House fronts by day, and other house fronts by night: drawn pictures that are no pairs."""

from imtrans.interfaces import DatasetContext, DatasetDescription, DataSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans_synthetic.toy import FIRST, VALIDATION
from imtrans_synthetic.toy_drawing import draw
from imtrans_synthetic.toy_materials import Bytes

# The houses by night of a split are others than those by day, however many there are of either.
NIGHTS = 500_000


class DayNight(BaseDataset):
    """Day to night, deterministic by index and drawn at the run's size; no house is on both sides."""

    def __init__(self, *, days: int, nights: int, context: DatasetContext) -> None:
        self.data_spec = DataSpec()
        # As in the toy set, the counts are for training alone: results stay comparable whatever they are.
        self._counts = (days, nights) if context.split == "train" else (VALIDATION, VALIDATION)
        self._first = FIRST[context.split]
        self._size = tuple(context.size) or (64,)
        self._drawn: dict[tuple[int, bool], Bytes] = {}
        self.description = DatasetDescription(
            layout=f"unpaired: {self._counts[0]:,} and {self._counts[1]:,} pictures",
            sides=("day", "night"),
            lengths=self._counts,
        )

    def __len__(self) -> int:
        return max(self._counts)

    def __getitem__(self, index: int) -> Pair:
        """Number `index` of either side, from the first again where that side has fewer."""
        day, night = self._houses(index)
        return Pair(source=self._picture(day, False), target=self._picture(night, True), key=self.key(index))

    def key(self, index: int) -> str:
        """The number of a sample: of its house by day, and by night."""
        return str(self._first + index)

    def _houses(self, index: int) -> tuple[int, int]:
        days, nights = self._counts
        return self._first + index % days, self._first + NIGHTS + index % nights

    def _picture(self, house: int, is_night: bool) -> Bytes:
        if (house, is_night) not in self._drawn:
            _, picture = draw(house, height=self._size[0], width=self._size[-1], is_night=is_night)
            self._drawn[house, is_night] = picture
        return self._drawn[house, is_night]
