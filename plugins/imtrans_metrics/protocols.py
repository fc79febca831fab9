"""The evaluation protocols of this plugin. Any change except to a summary needs a new version."""

from collections.abc import Iterable

from imtrans import ComponentRef, EvalProtocol


def protocols() -> Iterable[EvalProtocol]:
    """All of them. Metrics that need an extra or downloaded weights are optional: others run offline."""
    yield EvalProtocol(
        name="image",
        version=1,
        summary="each translation compared with its target: pixels, structure, features",
        metrics=[ComponentRef("l1"), ComponentRef("psnr"), ComponentRef("ssim"), ComponentRef("ms-ssim")],
        optional=[ComponentRef("lpips"), ComponentRef("lite0-distance")],
        default_for=["image"],
    )
    yield from _of_sets()
    yield EvalProtocol(
        name="lab-histogram",
        version=2,  # 1 took Lab from OpenCV's table
        summary="colours of all translations compared with those of all targets, as in the pix2pix paper, figure 7(d)",
        metrics=[ComponentRef("lab-histogram")],
    )
    yield EvalProtocol(
        name="aerial-map",
        version=1,
        summary="maps from aerial photos: colour error and share of correct pixels, as in GcGAN",
        metrics=[ComponentRef("pixel-accuracy"), ComponentRef("l1")],
    )


def _of_sets() -> Iterable[EvalProtocol]:
    yield EvalProtocol(
        name="distribution",
        version=1,
        summary="all translations compared with all targets: distances between two sets of features",
        metrics=[],
        optional=[
            ComponentRef("fid"),
            ComponentRef("kid"),
            ComponentRef("lite0-frechet"),
            ComponentRef("lite0-kernel"),
        ],
        # The covariance of Inception's 2048 features has full rank only beyond as many pictures, and the Fréchet
        # distance of fewer is far too large; the common FID programs ask for the same.
        min_samples=2048,
    )
    yield EvalProtocol(
        name="unpaired",
        version=2,  # 1: pictures of the smaller side counted as often as they came
        summary="all translations compared with pictures of the other kind; and, both ways, each source with its cycle",
        metrics=[],
        optional=[
            ComponentRef("fid"),
            ComponentRef("kid"),
            ComponentRef("lite0-frechet"),
            ComponentRef("lite0-kernel"),
            ComponentRef("cycle-l1"),
        ],
        min_samples=2048,  # as above
        default_for=["unpaired"],
    )
