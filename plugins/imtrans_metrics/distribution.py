"""Distances between two sets of features: a row for each picture holds its own and its target's."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from imtrans.interfaces import Batch
from imtrans.kit.pretrained import package
from imtrans_metrics.inception import Inception
from imtrans_metrics.lite0 import Lite0
from imtrans_metrics.tensor_checks import check, void


class Extractor(Protocol):
    def pooled(self, pictures: Tensor) -> Tensor: ...
    def fingerprint(self) -> str: ...


class OfFeatures:
    """Rows (B, 2, features): what the network sees in prediction and target."""

    def __init__(self, extractor: Extractor, name: str) -> None:
        self.extractor, self.name = extractor, name

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        check(prediction, batch.target)
        with torch.no_grad():
            sides = [self.extractor.pooled(p) for p in (prediction, batch.target)]
        return void(torch.stack(sides, 1), prediction, batch.target)

    def fingerprint(self) -> str:
        return self.extractor.fingerprint()


class Frechet(OfFeatures):
    """Fréchet distance of two Gaussians with the features' means and covariances (Heusel et al. 2017), in float64.

    0 or more. It falls with the number of pictures: compare sets of the same size only. Nothing for a single picture.
    """

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        if len(rows) < 2:
            return {}
        if not rows.isfinite().all():
            return {self.name: torch.nan}
        metric = package("torchmetrics.image.fid", metric=self.name).FrechetInceptionDistance(_AsIs(rows.shape[-1]))
        _feed(metric, rows.cpu().double())
        return {self.name: max(0.0, float(metric.compute()))}  # rounding can take it below


class Kernel(OfFeatures):
    """Squared maximum mean discrepancy of the features, cubic kernel (Bińkowski et al. 2018), its mean over draws.

    Unbiased, so that equal sets may give a little less than 0. With the standard deviation over the draws where these
    differ: where there are more pictures than one draw takes. The draws are the same each time.
    """

    def __init__(self, extractor: Extractor, name: str, *, subsets: int, subset_size: int) -> None:
        super().__init__(extractor, name)
        self.subsets, self.subset_size = subsets, subset_size

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        count = len(rows)
        if count < 2:
            return {}
        if not rows.isfinite().all():
            return {self.name: torch.nan}
        is_whole = count <= self.subset_size
        maker = package("torchmetrics.image.kid", metric=self.name).KernelInceptionDistance
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.filterwarnings("ignore", message=".*will save all extracted features.*")
            torch.default_generator.manual_seed(0)  # torch.manual_seed would seed the accelerators, too
            metric = maker(
                _AsIs(rows.shape[-1]), subsets=1 if is_whole else self.subsets, subset_size=min(count, self.subset_size)
            )
            _feed(metric, rows.cpu().float())
            mean, deviation = metric.compute()
        return {self.name: float(mean)} if is_whole else {self.name: float(mean), f"{self.name}_std": float(deviation)}


class _AsIs(nn.Identity):
    """In place of a network: the features are given."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


def fid(*, weights: Path | None, fetch: bool) -> Frechet:
    return Frechet(Inception("fid", file=weights, fetch=fetch), "fid")


def kid(*, weights: Path | None, fetch: bool, subsets: int, subset_size: int) -> Kernel:
    extractor = Inception("kid", file=weights, fetch=fetch)
    return Kernel(extractor, "kid", subsets=subsets, subset_size=subset_size)


def lite0_frechet() -> Frechet:
    return Frechet(Lite0("lite0-frechet"), "lite0_frechet")


def lite0_kernel(*, subsets: int, subset_size: int) -> Kernel:
    return Kernel(Lite0("lite0-kernel"), "lite0_kernel", subsets=subsets, subset_size=subset_size)


def _feed(metric: nn.Module, rows: Tensor) -> None:
    for side, is_real in enumerate((False, True)):
        metric.update(rows[:, side], real=is_real)  # type: ignore[operator]
