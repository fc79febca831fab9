import numpy as np

from imtrans.interfaces import DatasetContext, DataSpec, ImageSpec, Pair
from imtrans.kit.bases import BaseDataset


class Unpaired(BaseDataset):
    data_spec = DataSpec(source=ImageSpec(channels=1), target=ImageSpec(channels=3))

    def __init__(self, *, context: DatasetContext) -> None:
        pass

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Pair:
        rng = np.random.default_rng(index)
        source, target = (rng.integers(0, 256, (16, 16, c), dtype=np.uint8) for c in (1, 3))
        return Pair(source=source, target=target, key=f"noise-{index}")
