"""Weights of pytorch-CycleGAN-and-pix2pix and CUT, whose networks are made of layers of the same names."""

from collections.abc import Iterable

from imtrans import Component, hookimpl


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """The importer."""
    yield Component(
        kind="importer",
        name="junyanz",
        target="imtrans_junyanz.importer:JunyanzImporter",
        summary="networks of pytorch-CycleGAN-and-pix2pix and CUT: unet_*, resnet_*blocks, basic, n_layers, mlp_sample",
    )
