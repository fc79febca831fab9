"""The protocols declared here: any change but to a summary wants a new version."""

from collections.abc import Iterable

from imtrans import ComponentRef, EvalProtocol


def protocols() -> Iterable[EvalProtocol]:
    yield EvalProtocol(
        name="image",
        version=1,
        summary="each translation against its own target: pixels, structure, features",
        metrics=[ComponentRef("l1"), ComponentRef("psnr"), ComponentRef("ssim"), ComponentRef("ms-ssim")],
        optional=[ComponentRef("lpips"), ComponentRef("lite0-distance")],
    )
    yield EvalProtocol(
        name="distribution",
        version=1,
        summary="all translations against all targets: distances between two sets of features",
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
        name="lab-histogram",
        version=1,
        summary="colours of all translations against those of all targets, as in figure 7(d) of the pix2pix paper",
        metrics=[ComponentRef("lab-histogram")],
    )
    yield EvalProtocol(
        name="aerial-map",
        version=1,
        summary="maps drawn from aerial photos: colour error and share of right pixels, as GcGAN counts them",
        metrics=[ComponentRef("pixel-accuracy"), ComponentRef("l1")],
    )
