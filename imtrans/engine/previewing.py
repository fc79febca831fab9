"""What the network will see: augmented pairs on one sheet."""

import torch

from imtrans.config import RunConfig
from imtrans.engine import assemble, build
from imtrans.engine.build import Maker
from imtrans.engine.data import loader, prepare
from imtrans.engine.order import Order
from imtrans.kit.images import Array, pictured, shown
from imtrans.kit.sheets import sheet


def preview(config: RunConfig, maker: Maker, *, count: int) -> Array:
    """(H, W, 3) uint8: source | target of the first `count` training pairs, as the first steps of a run see them."""
    augment = build.augmentations(config, maker)
    loading = assemble.loading(config, "train", augment=augment)
    order = Order(
        count=len(loading.source.dataset),
        batch_size=1,
        seed=config.train.seed,
        steps=min(count, len(loading.source.dataset)),
    )
    signals, processor = loading.signals, torch.device("cpu")
    rows = []
    for stored in loader(loading, (step.places for step in order), workers=0):
        batch = prepare(stored, signals, processor, augment)
        source, target = batch.source[0], batch.target[0]
        rows.append([shown(source, signals.source), pictured(target, source, signals)])
    return sheet(rows)
