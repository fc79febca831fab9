"""Distances between two sets of features; each row holds the features of a prediction and of its target."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from imtrans.interfaces import Batch
from imtrans.kit.pretrained import package
from imtrans_metrics.inception import Inception
from imtrans_metrics.lite0 import Lite0
from imtrans_metrics.tensor_checks import check, nan_where_broken


class Extractor(Protocol):
    """A network that gives one feature vector for each image."""

    def pooled(self, pictures: Tensor) -> Tensor:
        """(B, features) of images (B, 1 or 3, H, W) in [-1, 1]."""

    @property
    def resizing(self) -> str:
        """How images come to the network's size, for people."""

    def fingerprint(self) -> str:
        """Identifies the network's weights."""


class FeatureMetric(ABC):
    """A metric whose rows, (B, 2, features), are the features of prediction and target: two sets that are compared."""

    def __init__(self, extractor: Extractor, name: str) -> None:
        self.extractor, self.name = extractor, name

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The features, (B, 2, features); NaN for images that are not finite."""
        check(prediction, batch.target)
        with torch.no_grad():
            sides = [self.extractor.pooled(side) for side in (prediction, batch.target)]
        return nan_where_broken(torch.stack(sides, 1), prediction, batch.target)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        """The number of rows in which each picture is a single time."""
        return self.aggregate_sets(rows[:, 0], rows[:, 1])

    @abstractmethod
    def aggregate_sets(self, predictions: Tensor, targets: Tensor) -> Mapping[str, float]:
        """The distance of two sets of features, (N, features) and (M, features), of any numbers."""

    def notes(self, rows: Tensor) -> Sequence[str]:  # noqa: ARG002 - what an evaluation calls
        """The resizing, which other programs do in another way: their numbers are not comparable."""
        return [f"{self.name}: pictures resized to {self.extractor.resizing}"]

    def fingerprint(self) -> str:
        """Identifies the weights: distances in different feature spaces are never compared."""
        return self.extractor.fingerprint()


class Frechet(FeatureMetric):
    """Fréchet distance of two Gaussians with the features' means and covariances (Heusel et al. 2017), in float64.

    0 or more. It falls with the number of images: compare sets of the same size only. No number for a single image.
    """

    def aggregate_sets(self, predictions: Tensor, targets: Tensor) -> Mapping[str, float]:
        """The distance; NaN if any image is not finite, nothing for fewer than two images on either side."""
        if min(len(predictions), len(targets)) < 2:
            return {}
        if not (predictions.isfinite().all() and targets.isfinite().all()):
            return {self.name: torch.nan}
        metric = package("torchmetrics.image.fid", metric=self.name).FrechetInceptionDistance(
            _Precomputed(targets.shape[-1])
        )
        # float64 on the CPU: the matrix square root loses too many digits in float32, and MPS has no float64.
        _update(metric, predictions.cpu().double(), targets.cpu().double())
        return {self.name: max(0.0, float(metric.compute()))}  # rounding can make it negative


class Kernel(FeatureMetric):
    """Squared maximum mean discrepancy of the features, cubic kernel (Bińkowski et al. 2018), its mean over draws.

    Unbiased, so that equal sets may give a little less than 0. With the standard deviation over the draws where these
    differ, that is if there are more images than one draw takes. The draws are the same each time.
    """

    def __init__(self, extractor: Extractor, name: str, *, subsets: int, subset_size: int) -> None:
        super().__init__(extractor, name)
        self.subsets, self.subset_size = subsets, subset_size

    def aggregate_sets(self, predictions: Tensor, targets: Tensor) -> Mapping[str, float]:
        """The distance and its deviation; NaN if any image is not finite, nothing for fewer than two images on either
        side. A draw takes as many of both."""
        count = min(len(predictions), len(targets))
        if count < 2:
            return {}
        if not (predictions.isfinite().all() and targets.isfinite().all()):
            return {self.name: torch.nan}
        # A draw of all images is the same every time: one is enough, and its deviation says nothing.
        is_whole = max(len(predictions), len(targets)) <= self.subset_size and len(predictions) == len(targets)
        metric_class = package("torchmetrics.image.kid", metric=self.name).KernelInceptionDistance
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.filterwarnings("ignore", message=".*will save all extracted features.*")
            torch.default_generator.manual_seed(0)  # not torch.manual_seed: it would reseed the accelerators, too
            metric = metric_class(
                _Precomputed(targets.shape[-1]),
                subsets=1 if is_whole else self.subsets,
                subset_size=min(count, self.subset_size),
            )
            _update(metric, predictions.cpu().float(), targets.cpu().float())
            mean, deviation = metric.compute()
        return {self.name: float(mean)} if is_whole else {self.name: float(mean), f"{self.name}_std": float(deviation)}


class _Precomputed(nn.Identity):
    """Takes the place of torchmetrics' network: the features are already computed."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


def fid(*, weights: Path | None, fetch: bool) -> Frechet:
    """The Fréchet distance of Inception features."""
    return Frechet(Inception("fid", file=weights, fetch=fetch), "fid")


def kid(*, weights: Path | None, fetch: bool, subsets: int, subset_size: int) -> Kernel:
    """The kernel distance of Inception features."""
    extractor = Inception("kid", file=weights, fetch=fetch)
    return Kernel(extractor, "kid", subsets=subsets, subset_size=subset_size)


def lite0_frechet() -> Frechet:
    """The Fréchet distance of EfficientNet-lite0 features."""
    return Frechet(Lite0("lite0-frechet"), "lite0_frechet")


def lite0_kernel(*, subsets: int, subset_size: int) -> Kernel:
    """The kernel distance of EfficientNet-lite0 features."""
    return Kernel(Lite0("lite0-kernel"), "lite0_kernel", subsets=subsets, subset_size=subset_size)


def _update(metric: nn.Module, predictions: Tensor, targets: Tensor) -> None:
    for side, is_real in ((predictions, False), (targets, True)):
        metric.update(side, real=is_real)  # type: ignore[operator]
