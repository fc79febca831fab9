"""What a constant answer scores in `cityscapes-labels`: at each pixel the most frequent class of training.

    python benchmarks/majority.py DATA_ROOT

A model that paints labels has learned something if it does better.
"""

import sys

import torch
from torch import Tensor

from imtrans.config.resolve import resolve
from imtrans.engine.data.pair_loader import PairLoader, open_split
from imtrans.engine.data.sampler import SampleIndex
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import to_range
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.discovery import discover
from imtrans_segmentation.cityscapes import cityscapes
from imtrans_segmentation.confusion import confusion, scores

PALETTE = cityscapes()


def labels(loading: PairLoader) -> "Tensor":
    """The classes of every painted label, (N, 256, 256)."""
    found = []
    for index in range(len(loading.source.dataset)):
        painted = torch.from_numpy(loading.pair(SampleIndex(0, index))[0].target).movedim(-1, 0)[None]
        found.append(PALETTE.read(to_range(painted, ImageSpec())).to(torch.uint8))
    return torch.cat(found)


def main() -> None:
    data = ComponentRef("cityscapes", {"root": sys.argv[1]})
    config = resolve(Catalog(discover().records), "label-scorer", dataset=data)
    training, held = (labels(open_split(config, split)) for split in ("train", "val"))
    counts = torch.stack([(training == c).sum(0) for c in range(PALETTE.count)])
    constant = counts.argmax(0)
    told = confusion(held.long(), constant.expand(len(held), -1, -1), PALETTE.count).sum(0)
    print(f"{len(training)} maps for it, {len(held)} judged:", {k: round(v, 4) for k, v in scores(told).items()})


if __name__ == "__main__":
    main()
