"""Declarations of the metrics: what each is, and which of two numbers is the better one."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from imtrans import Component, MetricInfo, option


@dataclass(frozen=True, kw_only=True)
class SSIMOptions:
    padding: Literal["valid", "same"] = option(
        "valid", "valid: whole windows only, as scikit-image counts; same: mirrored borders, as torchmetrics does"
    )
    window: int = option(11, "pixels of a side of the Gaussian window (sigma 1.5)", low=3)


@dataclass(frozen=True, kw_only=True)
class MultiScaleOptions:
    scales: int = option(5, "sizes at which pictures are compared, each half the one before", low=1, high=5)


@dataclass(frozen=True, kw_only=True)
class WeightsOptions:
    weights: Path | None = option(
        None, "file of the network's weights; none: looked for in the usual places", affects_hash=False
    )
    fetch: bool = option(False, "download the weights where they are not found", affects_hash=False)


@dataclass(frozen=True, kw_only=True)
class LPIPSOptions(WeightsOptions):
    net: Literal["alex", "vgg", "squeeze"] = option("alex", "network whose features are compared")


@dataclass(frozen=True, kw_only=True)
class Lite0KernelOptions:
    subsets: int = option(100, "draws over which the distance is averaged", low=1)
    subset_size: int = option(1000, "pictures in a draw; all of them where there are fewer", low=2)


@dataclass(frozen=True, kw_only=True)
class KIDOptions(Lite0KernelOptions, WeightsOptions):
    pass


@dataclass(frozen=True, kw_only=True)
class HistogramOptions:
    bins: int = option(51, "bins of each channel; an odd number has grey in the middle of a bin", low=2, high=1000)


HIGHER, SET = MetricInfo(higher_is_better=True), MetricInfo(is_set_level=True)


def _named(**numbers: bool) -> MetricInfo:
    """A metric whose numbers have names of their own; true where higher is better."""
    return MetricInfo(higher_is_better=next(iter(numbers.values())), numbers=numbers)


def metric_components() -> Iterable[Component]:
    yield _metric("l1", "pixels:L1", "mean absolute difference in [-1, 1]; lower is closer")
    yield _metric("psnr", "pixels:PSNR", "peak signal-to-noise ratio in dB; higher is closer", info=HIGHER)
    yield _metric(
        "ssim",
        "pixels:SSIM",
        "structural similarity (Wang et al. 2004), 1 for equal pictures",
        options=SSIMOptions,
        info=_named(ssim=True, ssim_same=True),
    )
    yield _metric(
        "ms-ssim",
        "ms_ssim:MultiScaleSSIM",
        "structural similarity at five sizes (Wang et al. 2003), for pictures from 161 px; 1 for equal ones",
        options=MultiScaleOptions,
        info=_named(ms_ssim=True, **{f"ms_ssim_{n}": True for n in range(1, 5)}),
    )
    yield _metric(
        "pixel-accuracy",
        "pixels:PixelAccuracy",
        "colour error of a pixel, and share of pixels that are off by less than 5 and 10 of 255 (GcGAN)",
        info=_named(rmse=False, accuracy_5=True, accuracy_10=True),
    )
    yield _metric(
        "lab-histogram",
        "lab_histogram:LabHistogram",
        "how far the colours of all pictures overlap with those of all targets, in Lab; 1: the same",
        options=HistogramOptions,
        info=_named(lab_l=True, lab_a=True, lab_b=True),
    )
    yield from _perceptual()
    yield from _of_sets()


def _perceptual() -> Iterable[Component]:
    yield _metric(
        "lpips",
        "perceptual:LPIPS",
        "learned perceptual distance (Zhang et al. 2018); lower is closer; needs imtrans[metrics] and weights",
        options=LPIPSOptions,
        info=_named(lpips_alex=False, lpips_vgg=False, lpips_squeeze=False),
    )
    yield _metric(
        "lite0-distance",
        "perceptual:Lite0Distance",
        "distance of EfficientNet-lite0 features, offline; lower is closer; needs imtrans[metrics]",
        info=_named(lite0_distance=False),
    )


def _of_sets() -> Iterable[Component]:
    yield _metric(
        "fid",
        "distribution:fid",
        "Fréchet Inception distance (Heusel et al. 2017); lower is closer; needs imtrans[metrics] and weights",
        options=WeightsOptions,
        info=SET,
    )
    yield _metric(
        "kid",
        "distribution:kid",
        "kernel Inception distance (Bińkowski et al. 2018); lower is closer; needs imtrans[metrics] and weights",
        options=KIDOptions,
        info=MetricInfo(is_set_level=True, numbers={"kid": False, "kid_std": False}),
    )
    yield _metric(
        "lite0-frechet",
        "distribution:lite0_frechet",
        "Fréchet distance of EfficientNet-lite0 features, offline, not FID; needs imtrans[metrics]",
        info=MetricInfo(is_set_level=True, numbers={"lite0_frechet": False}),
    )
    yield _metric(
        "lite0-kernel",
        "distribution:lite0_kernel",
        "kernel distance of EfficientNet-lite0 features, offline, not KID; needs imtrans[metrics]",
        options=Lite0KernelOptions,
        info=MetricInfo(is_set_level=True, numbers={"lite0_kernel": False, "lite0_kernel_std": False}),
    )


def _metric(name: str, target: str, summary: str, *, options: Any = None, info: MetricInfo | None = None) -> Component:
    return Component(
        kind="metric",
        name=name,
        target=f"imtrans_metrics.{target}",
        summary=summary,
        options=options,
        info=info or MetricInfo(),
    )
