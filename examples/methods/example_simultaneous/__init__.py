"""pix2pix as TensorFlow's tutorial trains it: both gradients from one forward pass, then both steps."""

from collections.abc import Iterable

from imtrans import Component, ComponentRef, InferenceOptions, MethodInfo, Recipe, Slot, WeightedRef, hookimpl

SLOTS = {
    "generator": Slot(kind="generator", group="generator"),
    "discriminator": Slot(kind="discriminator", group="discriminator"),
    "adversarial": Slot(kind="adversarial"),
    "reconstruction": Slot(kind="loss"),
}


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    yield Component(
        kind="method",
        name="example-simultaneous",
        target="example_simultaneous.method:Simultaneous",
        summary="one output on the fake serves both players",
        info=MethodInfo(slots=SLOTS, policy=InferenceOptions),
    )
    yield Recipe(
        name="example-simultaneous",
        summary="simultaneous pix2pix on the toy set",
        method=ComponentRef("example-simultaneous"),
        networks={
            "generator": ComponentRef("unet64", {"depth": 3, "width": 4}),
            "discriminator": ComponentRef("patchgan16", {"width": 4}),
        },
        losses={"adversarial": ComponentRef("bce"), "reconstruction": WeightedRef("l1", weight=100.0)},
        metrics=[ComponentRef("l1")],
        data={"size": 32, "batch_size": 2},
    )
