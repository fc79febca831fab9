"""A sheet of augmented pairs, as the network sees them."""

import torch

from imtrans.config.schema import RunConfig
from imtrans.engine.build import ComponentFactory
from imtrans.engine.data.loader import loader, prepare
from imtrans.engine.data.pair_loader import open_training
from imtrans.engine.data.sampler import EpochSampler
from imtrans.kit.images import Array, target_to_display, to_display
from imtrans.kit.report.image_grid import sheet


def preview(config: RunConfig, factory: ComponentFactory, *, count: int) -> Array:
    """(H, W, 3) uint8: source | target of the first `count` training pairs, as the first steps of a run see them."""
    loading, _, augment = open_training(config, factory)
    order = EpochSampler(
        count=len(loading.source.dataset),
        # Alone, so that pictures of different sizes can be shown.
        batch_size=1,
        seed=config.train.seed,
        steps=min(count, len(loading.source.dataset)),
    )
    data_spec, device = loading.data_spec, torch.device("cpu")
    rows = []
    for stored in loader(loading, (step.indices for step in order), workers=0):
        batch = prepare(stored, data_spec, device, augment)
        source, target = batch.source[0], batch.target[0]
        rows.append([to_display(source, data_spec.source), target_to_display(target, source, data_spec)])
    return sheet(rows)
