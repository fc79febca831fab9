"""The paper's recipe, the reference implementations' and those of five projects, each with all of its own values.

docs/recipes.md tells where each comes from, and which faults of its original are not repeated.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from imtrans import ComponentRef, Recipe, WeightedRef

METHOD = "conditional-gan"
KERAS_NORM: Mapping[str, Any] = {"norm_eps": 1e-3, "norm_momentum": 0.01, "init_norm_std": 0.0}
LEAKY_03 = ComponentRef("leaky-relu", {"slope": 0.3})  # what Keras takes where the slope is not given
PAPER_INFERENCE: Mapping[str, Any] = {"norm": "batch", "dropout": True}
# Data sets advise other values of these.
UNET: Mapping[str, Any] = {"depth": 8, "width": 64, "upsampling": "transposed", "detail": 0}
RATE: Mapping[str, Any] = {"optimizer.lr": 2e-4}
JUDGE: Mapping[str, Any] = {"layers": 3, "width": 64}


def recipes() -> Iterable[Recipe]:
    """All of them; those based on the first one are compared with it."""
    yield paper()
    yield torch_original()
    yield tutorial()
    yield pencil2color()
    yield sketch2anime()
    yield sketch2cad()
    yield bw2color()
    yield from mish()


def paper() -> Recipe:
    """Isola et al. 2017. Epochs, batch, jitter and mirror are what the data set advises, as in its appendix 6.2."""
    return Recipe(
        name="pix2pix",
        summary="the paper: U-Net 256, 70 x 70 PatchGAN, cross entropy + 100 L1",
        method=ComponentRef(METHOD),
        networks={"generator": ComponentRef("unet256"), "discriminator": ComponentRef("patchgan70")},
        losses={"adversarial": ComponentRef("bce"), "reconstruction": [WeightedRef("l1", weight=100.0)]},
        augment=[ComponentRef("kornia-jitter"), ComponentRef("kornia-flip")],
        metrics=[ComponentRef("l1"), ComponentRef("psnr"), ComponentRef("ssim")],
        train={"optimizer.name": "adam", "optimizer.betas": (0.5, 0.999)},  # lr: 2e-4, the default
        # On a data set of the paper, so that what a recipe leaves to the data counts as the paper's.
        reference="pix2pix",
        reference_dataset="facades",
        is_default=True,
    )


def torch_original() -> Recipe:
    """phillipi/pix2pix. G learns from D as it was before D's step; biases are 0 at every gradient."""
    return Recipe(
        name="pix2pix-torch",
        summary="the authors' Torch code with its quirks: D not halved, both gradients first, biases zeroed",
        base="pix2pix",
        method=ComponentRef(METHOD, {"order": "simultaneous", "discriminator_scale": 1.0, "zero_biases": True}),
        networks={
            "generator": ComponentRef("unet256", {**UNET, "bias": "everywhere"}),
            "discriminator": ComponentRef("patchgan70", {**JUDGE, "bias": "everywhere"}),
        },
        augment=_moved(286 / 256, 0.5),
        data={"size": (256,), "batch_size": 1, "interpolation": "bilinear"},
        train={**RATE, "epochs": 200},
        inference=PAPER_INFERENCE,
    )


def tutorial() -> Recipe:
    """TensorFlow's tutorial, from which three of the projects come."""
    return Recipe(
        name="pix2pix-tf",
        summary="TensorFlow's tutorial: activation after norm, slope 0.3, norm at the bottleneck, 40,000 steps",
        base="pix2pix",
        method=ComponentRef(METHOD, {"order": "simultaneous", "discriminator_scale": 1.0}),
        networks={
            "generator": ComponentRef(
                "unet256",
                {
                    **UNET,
                    **KERAS_NORM,
                    "pre_activation": False,
                    "encoder_activation": LEAKY_03,
                    "bottleneck_norm": True,
                },
            ),
            "discriminator": ComponentRef(
                "patchgan70", {**JUDGE, **KERAS_NORM, "activation": LEAKY_03, "bias": "last"}
            ),
        },
        augment=_moved(286 / 256, 0.5),
        data={"size": (256,), "batch_size": 1, "interpolation": "nearest"},
        train={**RATE, "steps": 40_000, "optimizer.eps": 1e-7},
        inference=PAPER_INFERENCE,
    )


def pencil2color() -> Recipe:
    """Project 000, Mohanned-Elkholy/Pix2Pix-From-pencil-drawings-to-real-image."""
    keras = {**KERAS_NORM, "bias": "everywhere"}
    return Recipe(
        name="pencil2color",
        summary="pencil drawings to photos, 128 px: spectral norm, 142 x 142 patches, hinge + 100 L1, G first",
        base="pix2pix",
        method=ComponentRef(
            METHOD, {"order": "generator-first", "discriminator_updates": "separate", "discriminator_scale": 0.5}
        ),
        networks={
            "generator": ComponentRef("unet128", {**UNET, **keras, "depth": 7, "dropout_blocks": (1, 2)}),
            "discriminator": ComponentRef(
                "patchgan142", {**keras, "layers": 4, "width": 64, "spectral_norm": True, "padding": ("same",)}
            ),
        },
        losses={
            "adversarial": ComponentRef("hinge", {"generator_margin": True}),
            "reconstruction": [WeightedRef("l1", weight=100.0)],
        },
        augment=_moved(1.0, 0.0),
        dataset=ComponentRef("pencil", {"photos": ComponentRef("cifar10", {"pictures": 8000, "held": 36})}),
        data={"size": (128,), "batch_size": 128, "interpolation": "bilinear"},
        train={**RATE, "epochs": 200, "schedule": "inverse-time", "decay_rate": 1e-5, "optimizer.eps": 1e-7},
        inference=PAPER_INFERENCE,
    )


def sketch2anime() -> Recipe:
    """Project 001, Vrushank264/GANs-PyTorch, folder Pix2pix."""
    return Recipe(
        name="sketch2anime",
        summary="sketches to anime: reflected borders, 26 x 26 verdicts, whole channels dropped, running statistics",
        base="pix2pix",
        method=ComponentRef(METHOD, {"order": "discriminator-first", "discriminator_scale": 0.5}),
        networks={
            "generator": ComponentRef(
                "unet256",
                {
                    **UNET,
                    "pre_activation": False,
                    "padding": "reflect",
                    "bias": "no-norm",
                    "bottleneck_activation": "relu",
                    "dropout_kind": "channel",
                    "dropout_place": "activation",
                    "init_std": 0.0,
                },
            ),
            "discriminator": ComponentRef(
                "patchgan70", {**JUDGE, "padding": ("reflect", "none", "none", "none", "reflect"), "init_std": 0.0}
            ),
        },
        augment=_moved(1.0, 0.0),
        dataset=ComponentRef("anime"),
        data={"size": (256,), "batch_size": 8, "interpolation": "bilinear", "direction": "BtoA"},
        train={**RATE, "epochs": 50},
        inference={"norm": "running", "dropout": False},
    )


def sketch2cad() -> Recipe:
    """Project 002, Devesan/pix2pix: the tutorial on pictures of 864 x 288."""
    return Recipe(
        name="sketch2cad",
        summary="hand-drawn sketches to CAD drawings: the tutorial's networks, 40,000 steps, nearest pixels",
        base="pix2pix-tf",
        dataset=ComponentRef("cad"),
        train={"steps": 40_000},
    )


def bw2color() -> Recipe:
    """Project 003, echidna11/Pix2Pix-B-W-to-Color-VLG-Summer. Its README has 70 x 70 patches, its code patchgan94."""
    return Recipe(
        name="bw2color",
        summary="black and white photos to colour, 512 px: no norm in the decoder, 25 epochs",
        base="pix2pix-tf",
        networks={
            "generator": ComponentRef("unet256", {"decoder_norm": False, "bias": "ends"}),
            "discriminator": ComponentRef("patchgan70", {"bias": "no-norm"}),
        },
        augment=_moved(572 / 512, 0.5),
        dataset=ComponentRef("grey", {"photos": "coco-sample"}),
        data={"size": (512,), "batch_size": 1, "interpolation": "bilinear"},
        train={"epochs": 25},
    )


def mish() -> Iterable[Recipe]:
    """Project 004, soumik12345/Pix2Pix: three experiments with Mish. Lists go from the outermost block inwards, then
    from the innermost outwards; those of the discriminator from first to last."""
    whole = {"encoder_activation": "mish", "decoder_activation": "mish"}
    yield _mish("1", "Mish in all of G and D, on facades", whole, {"activation": "mish"}, "facades")
    yield _mish("2", "Mish in all of G, leaky ReLU in D, on maps", whole, {}, "maps")
    half = {**whole, "decoder_activation": ("mish",) * 3 + ("relu",) * 4}
    yield _mish("3", "Mish in G but for its last four blocks, leaky ReLU in D, on maps", half, {}, "maps")


def _mish(
    number: str, summary: str, generator: Mapping[str, Any], discriminator: Mapping[str, Any], dataset: str
) -> Recipe:
    return Recipe(
        name=f"pix2pix-mish{number}",
        summary=f"{summary}: the tutorial's networks, 150 epochs",
        base="pix2pix-tf",
        networks={
            "generator": ComponentRef("unet256", generator),
            "discriminator": ComponentRef("patchgan70", discriminator),
        },
        dataset=ComponentRef(dataset),
        data={"direction": "BtoA"},
        train={"epochs": 150},
    )


def _moved(scale: float, probability: float) -> list[ComponentRef]:
    return [ComponentRef("kornia-jitter", {"scale": scale}), ComponentRef("kornia-flip", {"probability": probability})]
