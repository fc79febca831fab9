"""Metrics of paired pictures."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, MetricInfo, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class SSIMOptions:
    padding: Literal["valid", "same"] = option(
        "valid", "valid: whole windows only, as scikit-image counts; same: mirrored borders, as torchmetrics does"
    )
    window: int = option(11, "pixels of a side of the Gaussian window (sigma 1.5)", low=3)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    yield Component(
        kind="metric",
        name="l1",
        target="imtrans_metrics.pixels:L1",
        summary="mean absolute difference in [-1, 1]; lower is closer",
    )
    yield Component(
        kind="metric",
        name="psnr",
        target="imtrans_metrics.pixels:PSNR",
        summary="peak signal-to-noise ratio in dB; higher is closer",
        info=MetricInfo(higher_is_better=True),
    )
    yield Component(
        kind="metric",
        name="ssim",
        target="imtrans_metrics.pixels:SSIM",
        summary="structural similarity (Wang et al. 2004), 1 for equal pictures",
        options=SSIMOptions,
        info=MetricInfo(higher_is_better=True),
    )
