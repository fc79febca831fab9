"""3-D volumes with a collate of their own, through the built-in method."""

from collections.abc import Iterable

from imtrans import Component, ComponentRef, DatasetInfo, Recipe, hookimpl


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    yield Component(
        kind="dataset",
        name="example-volumes",
        target="example_volume.parts:Volumes",
        summary="noise in cubes",
        info=DatasetInfo(),
        needs_context=True,
    )
    yield Component(
        kind="generator",
        name="example-unet3d",
        target="example_volume.parts:generator",
        summary="down and up once, in 3-D",
        needs_context=True,
    )
    yield Component(
        kind="discriminator",
        name="example-patch3d",
        target="example_volume.parts:Patch",
        summary="one 3-D convolution",
    )
    yield Recipe(
        name="example-volume",
        summary="pix2pix in 3-D",
        base="pix2pix",
        networks={"generator": ComponentRef("example-unet3d"), "discriminator": ComponentRef("example-patch3d")},
        augment=[],
        metrics=[ComponentRef("l1"), ComponentRef("psnr")],
        dataset=ComponentRef("example-volumes"),
        data={"size": 8, "batch_size": 2},
    )
