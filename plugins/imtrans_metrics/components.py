"""Declarations of the metrics: options, summaries, and whether higher is better."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from imtrans import Component, MetricInfo, option


@dataclass(frozen=True, kw_only=True)
class SSIMOptions:
    """Options of SSIM."""

    padding: Literal["valid", "same"] = option(
        "valid", "valid: full windows only, as in scikit-image; same: mirrored borders, as in torchmetrics"
    )
    window: int = option(11, "pixels of a side of the Gaussian window (sigma 1.5)", low=3)


@dataclass(frozen=True, kw_only=True)
class MultiScaleOptions:
    """Options of MS-SSIM."""

    scales: int = option(5, "scales at which images are compared, each half the one before", low=1, high=5)


@dataclass(frozen=True, kw_only=True)
class WeightsOptions:
    """Where a metric finds its network."""

    weights: Path | None = option(
        None,
        "file of the network's weights; none: searched for in the cache and in torch hub's folder",
        affects_hash=False,
    )
    # False: an evaluation must not download hundreds of megabytes unless the user asks for it.
    fetch: bool = option(False, "download the weights if they are not found", affects_hash=False)


@dataclass(frozen=True, kw_only=True)
class LPIPSOptions(WeightsOptions):
    """Options of LPIPS."""

    net: Literal["alex", "vgg", "squeeze"] = option("alex", "network whose features are compared")


@dataclass(frozen=True, kw_only=True)
class Lite0KernelOptions:
    """Options of a kernel distance, which is averaged over random draws."""

    subsets: int = option(100, "draws over which the distance is averaged", low=1)
    subset_size: int = option(1000, "images in a draw; all of them if there are fewer", low=2)


@dataclass(frozen=True, kw_only=True)
class KIDOptions(Lite0KernelOptions, WeightsOptions):
    """Options of KID: of the draws, and of Inception's weights."""


@dataclass(frozen=True, kw_only=True)
class HistogramOptions:
    """Options of the colour histograms."""

    bins: int = option(51, "bins of each channel; with an odd number grey is in the middle of a bin", low=2, high=1000)


Targets = Sequence[Literal["image", "labels", "data"]]
PICTURES: Targets = ("image",)
VALUES: Targets = ("image", "data")


def _numbers(numbers: Mapping[str, bool], *, tell: Sequence[str] = (), targets: Targets = PICTURES) -> MetricInfo:
    """A metric whose numbers have their own names, which `tell` some options; true where higher is better."""
    higher = next(iter(numbers.values()))
    return MetricInfo(higher_is_better=higher, numbers=numbers, named_options=tell, targets=targets)


def _of_sets(*numbers: str) -> MetricInfo:
    """A metric of whole sets; lower is better."""
    return MetricInfo(is_set_level=True, needs_pairs=False, numbers=dict.fromkeys(numbers, False), targets=PICTURES)


def metric_components() -> Iterable[Component]:
    """All metrics of this plugin."""
    yield _metric("l1", "pixels:L1", "mean absolute difference in [-1, 1]; lower is closer")
    yield _metric(
        "psnr",
        "pixels:PSNR",
        "peak signal-to-noise ratio in dB; higher is closer",
        info=_numbers({"psnr": True}, targets=VALUES),
    )
    yield _metric(
        "ssim",
        "pixels:SSIM",
        "structural similarity (Wang et al. 2004), 1 for equal pictures",
        options=SSIMOptions,
        info=_numbers({"ssim": True, "ssim_same": True}, tell=["padding"], targets=VALUES),
    )
    yield _metric(
        "ms-ssim",
        "ms_ssim:MultiScaleSSIM",
        "structural similarity at five sizes (Wang et al. 2003), for pictures from 161 px; 1 for equal ones",
        options=MultiScaleOptions,
        info=_numbers(
            {"ms_ssim": True, **{f"ms_ssim_{n}": True for n in range(1, 5)}}, tell=["scales"], targets=VALUES
        ),
    )
    yield _metric(
        "pixel-accuracy",
        "pixels:PixelAccuracy",
        "colour error of a pixel, and share of pixels with errors below 5 and below 10 of 255 (GcGAN)",
        info=_numbers({"rmse": False, "accuracy_5": True, "accuracy_10": True}),
    )
    yield _metric(
        "lab-histogram",
        "lab_histogram:LabHistogram",
        "overlap of the colours of all predictions with those of all targets, in Lab; 1: the same",
        options=HistogramOptions,
        info=dataclasses.replace(_numbers({"lab_l": True, "lab_a": True, "lab_b": True}), needs_pairs=False),
    )
    yield from _perceptual()
    yield from _set_level()


def _perceptual() -> Iterable[Component]:
    yield _metric(
        "cycle-l1",
        "pixels:CycleL1",
        "difference of a source and its translation translated back, in [-1, 1], for models of both directions",
        info=MetricInfo(numbers={"cycle_l1": False}, needs=["cycle"], needs_pairs=False, targets=VALUES),
    )
    yield _metric(
        "lpips",
        "perceptual:LPIPS",
        "learned perceptual distance (Zhang et al. 2018); lower is closer; needs imtrans[metrics] and weights",
        options=LPIPSOptions,
        info=_numbers({"lpips_alex": False, "lpips_vgg": False, "lpips_squeeze": False}, tell=["net"]),
    )
    yield _metric(
        "lite0-distance",
        "perceptual:Lite0Distance",
        "distance of EfficientNet-lite0 features, offline; lower is closer; needs imtrans[metrics]",
        info=_numbers({"lite0_distance": False}),
    )


def _set_level() -> Iterable[Component]:
    yield _metric(
        "fid",
        "distribution:fid",
        "Fréchet Inception distance (Heusel et al. 2017); lower is closer; needs imtrans[metrics] and weights",
        options=WeightsOptions,
        info=_of_sets("fid"),
    )
    yield _metric(
        "kid",
        "distribution:kid",
        "kernel Inception distance (Bińkowski et al. 2018); lower is closer; needs imtrans[metrics] and weights",
        options=KIDOptions,
        info=_of_sets("kid", "kid_std"),
    )
    yield _metric(
        "lite0-frechet",
        "distribution:lite0_frechet",
        "Fréchet distance of EfficientNet-lite0 features, offline, not FID; needs imtrans[metrics]",
        info=_of_sets("lite0_frechet"),
    )
    yield _metric(
        "lite0-kernel",
        "distribution:lite0_kernel",
        "kernel distance of EfficientNet-lite0 features, offline, not KID; needs imtrans[metrics]",
        options=Lite0KernelOptions,
        info=_of_sets("lite0_kernel", "lite0_kernel_std"),
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
