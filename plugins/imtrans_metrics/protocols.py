"""The protocols declared here: any change but to a summary wants a new version."""

from collections.abc import Iterable

from imtrans import EvalProtocol, Use


def protocols() -> Iterable[EvalProtocol]:
    yield EvalProtocol(
        name="image",
        version=1,
        summary="each translation against its own target: pixels, structure, features",
        metrics=[Use("l1"), Use("psnr"), Use("ssim"), Use("ms-ssim")],
        optional=[Use("lpips"), Use("lite0-distance")],
    )
    yield EvalProtocol(
        name="distribution",
        version=1,
        summary="all translations against all targets: distances between two sets of features",
        metrics=[],
        optional=[Use("fid"), Use("kid"), Use("lite0-frechet"), Use("lite0-kernel")],
        # The covariance of Inception's 2048 features has full rank only beyond as many pictures, and the Fréchet
        # distance of fewer is far too large; the common FID programs ask for the same.
        enough=2048,
    )
    yield EvalProtocol(
        name="lab-histogram",
        version=1,
        summary="colours of all translations against those of all targets, as in figure 7(d) of the pix2pix paper",
        metrics=[Use("lab-histogram")],
    )
    yield EvalProtocol(
        name="aerial-map",
        version=1,
        summary="maps drawn from aerial photos: colour error and share of right pixels, as GcGAN counts them",
        metrics=[Use("pixel-accuracy"), Use("l1")],
    )
