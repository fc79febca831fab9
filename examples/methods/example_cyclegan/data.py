import numpy as np

from imtrans.interfaces import DatasetContext, DatasetDescription, DataSpec, ImageSpec, Pair
from imtrans.kit.bases import BaseDataset


class Unpaired(BaseDataset):
    data_spec = DataSpec(source=ImageSpec(channels=1), target=ImageSpec(channels=3))

    def __init__(self, *, context: DatasetContext) -> None:
        self.description = DatasetDescription(lengths=(6, 4))

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Pair:
        source = np.random.default_rng(index).integers(0, 256, (16, 16, 1), dtype=np.uint8)
        target = np.random.default_rng(index % 4).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        return Pair(source=source, target=target, key=f"noise-{index}")
