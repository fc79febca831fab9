"""CycleGAN (Zhu et al. 2017): unpaired data, two generators, two discriminators, image pools."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import (
    Component,
    ComponentRef,
    DatasetInfo,
    InferenceOptions,
    MethodInfo,
    Recipe,
    Slot,
    WeightedRef,
    hookimpl,
    option,
)


@dataclass(frozen=True, kw_only=True)
class CycleOptions:
    pool_size: int = option(50, "generated images that a discriminator may see again", low=0)


SLOTS = {
    "forward": Slot(kind="generator", group="generators"),
    "backward": Slot(kind="generator", group="generators", reverse=True),
    "judge_target": Slot(kind="discriminator", group="discriminators"),
    "judge_source": Slot(kind="discriminator", group="discriminators", reverse=True),
    "adversarial": Slot(kind="adversarial"),
    "cycle": Slot(kind="loss"),
}


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    yield Component(
        kind="method",
        name="example-cyclegan",
        target="example_cyclegan.method:CycleGAN",
        summary="two generators that undo each other",
        options=CycleOptions,
        info=MethodInfo(slots=SLOTS, policy=InferenceOptions, needs_pairs=False),
    )
    yield Component(
        kind="dataset",
        name="example-unpaired",
        target="example_cyclegan.data:Unpaired",
        summary="grey and coloured noise that do not belong together",
        info=DatasetInfo(is_paired=False),
        needs_context=True,
    )
    small = {"depth": 2, "width": 4, "dropout": 0.0, "norm": "instance"}
    judge = ComponentRef("patchgan16", {"width": 4, "conditional": False})
    yield Recipe(
        name="example-cyclegan",
        summary="CycleGAN on noise",
        method=ComponentRef("example-cyclegan", {"pool_size": 2}),
        networks={
            "forward": ComponentRef("unet64", small),
            "backward": ComponentRef("unet64", small),
            "judge_target": judge,
            "judge_source": judge,
        },
        losses={"adversarial": ComponentRef("lsgan"), "cycle": WeightedRef("l1", weight=10.0)},
        dataset=ComponentRef("example-unpaired"),
        augment=[ComponentRef("kornia-flip")],
        data={"size": 16, "batch_size": 2},
    )
