"""A recipe in one file, without packaging.

imtrans -p examples/one_file_recipe.py list recipes
imtrans -p examples/one_file_recipe.py run mish-hinge
"""

from collections.abc import Iterable

from imtrans import ComponentRef, Recipe, WeightedRef, hookimpl


@hookimpl
def imtrans_provide() -> Iterable[Recipe]:
    yield Recipe(
        name="mish-hinge",
        summary="pix2pix with Mish in both halves of the generator and a hinge loss",
        base="pix2pix",
        networks={
            "generator": ComponentRef("unet256", {"encoder_activation": "mish", "decoder_activation": "mish"}),
            "discriminator": ComponentRef("patchgan70", {"norm": "none", "spectral_norm": True}),
        },
        losses={"adversarial": ComponentRef("hinge"), "reconstruction": [WeightedRef("l1", weight=50.0)]},
        train={"optimizer.discriminator.lr": 4e-4},
    )
