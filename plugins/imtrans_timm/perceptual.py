"""How far two pictures are from each other as a model of timm sees them: a loss and a metric."""

from typing import Any

import torch
from torch import Tensor, nn

from imtrans.interfaces import Batch, Context
from imtrans.kit import pretrained
from imtrans.kit.bases import BaseMetric
from imtrans.kit.features.feature_distance import unit_distance
from imtrans_timm.encoder import Encoder, build_encoder


class FeatureLoss(nn.Module):
    """The mean `unit_distance` of prediction and target, (B, C, H, W), as a frozen encoder sees them."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder.freeze()

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """A scalar of at least 0."""
        return _distance(self.encoder, prediction, target).mean()


class FeatureDistance(BaseMetric):
    """The distance of each picture, (B,), from 0 for equal ones to 4; see `imtrans.kit.features.feature_distance`."""

    names = ("timm_distance",)

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder.freeze()

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The distance of each image, (B,)."""
        with torch.no_grad():
            return _distance(self.encoder.to(prediction.device), prediction.float(), batch.target.float())

    def fingerprint(self) -> str:
        """Identifies the weights: numbers of different ones are never compared."""
        return pretrained.fingerprint(self.encoder)


def loss(*, context: Context, **options: Any) -> nn.Module:
    """The loss for the targets of this data; nothing where it is never called."""
    user = "loss timm-perceptual"
    if context.weights_follow:
        return nn.Identity()
    return FeatureLoss(build_encoder(context.data_spec.target, context, user=user, **options))


def metric(*, context: Context, **options: Any) -> FeatureDistance:
    """The metric for the targets of this data."""
    return FeatureDistance(build_encoder(context.data_spec.target, context, user="metric timm-distance", **options))


def _distance(encoder: Encoder, prediction: Tensor, target: Tensor) -> Tensor:
    return unit_distance(*(encoder(encoder.pad(side)) for side in (prediction, target)))
