"""A model of timm as encoder: pictures in, feature maps from fine to coarse out."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from imtrans.errors import ConfigError, ShapeError
from imtrans.interfaces import Context, ImageSpec
from imtrans.kit.torchvision_compat import optional_vision
from imtrans_timm import weights
from imtrans_timm.creation import create, create_for, names_behind, pretrained_config, reason, stride_of


class Encoder(nn.Module):
    """Feature maps of pictures (B, C, H, W), H and W multiples of `stride`: one (B, c, h, w) for each of `channels`.

    Pictures are in [-1, 1], planes of labels (`is_planes`) 0 or 1. `reductions` are the sides of the pictures by those
    of the maps, `size` the height and width that the model is made for. ConfigError for a model or size that timm
    refuses; with `weights_follow` nothing is read or downloaded.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        *,
        in_channels: int,
        size: Sequence[int],
        user: str,
        pretrained: bool = True,
        source: str = "auto",
        is_planes: bool = False,
        weights_follow: bool = False,
    ) -> None:
        super().__init__()
        self.name, self.user, self.is_planes, self.is_frozen = name, user, is_planes, False
        is_loaded = pretrained and not weights_follow
        make = partial(weights.pretrained, name, weights=source, user=user) if is_loaded else partial(create, name)
        network, self.size = create_for(name, channels=in_channels, size=size, user=user, make=make)
        self.network: Any = network
        self.stride, self.in_channels = stride_of(network), in_channels
        self.channels: list[int] = list(network.feature_info.channels())
        self.reductions: list[int] = list(network.feature_info.reduction())
        # Several families do not say; all of these put the channels first.
        self._is_channels_last = str(getattr(network, "output_fmt", "NCHW")).endswith("NHWC")
        config = pretrained_config(name, user=user)
        # In the checkpoint: a later timm may give the model other weights, with other statistics.
        self.register_buffer("mean", _statistics(config.mean, in_channels))
        self.register_buffer("std", _statistics(config.std, in_channels))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """The maps. ShapeError, naming the model, for a size that it does not take."""
        unit = pictures if self.is_planes else (pictures + 1) / 2
        seen = (unit - self.mean) / self.std
        # The coarsest map of one small picture is one pixel, of which torch's batch norm takes no statistics in
        # training: of two equal ones it does, the same for all other layers.
        is_single = self.training and seen.shape[0] == 1 and max(seen.shape[2:]) <= self.stride
        try:
            maps = [m[: seen.shape[0]] for m in self.network(torch.cat([seen, seen]) if is_single else seen)]
        except (AssertionError, RuntimeError, ValueError, IndexError) as error:
            if tuple(pictures.shape[2:]) == self.size or "memory" in str(error):
                raise
            raise self._refusal(pictures.shape[2:], error) from None
        return [m.permute(0, 3, 1, 2) if self._is_channels_last else m for m in maps]

    def pad(self, pictures: Tensor) -> Tensor:
        """The pictures, grown at the bottom and to the right by their last pixels to multiples of the stride."""
        bottom, right = (-n % self.stride for n in pictures.shape[2:])
        return F.pad(pictures, (0, right, 0, bottom), mode="replicate") if bottom or right else pictures

    def freeze(self) -> "Encoder":
        """The encoder for good as it is: nothing of it is trained, and it stays in the mode for evaluation."""
        self.freeze_norms()
        self.is_frozen = True
        return self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Encoder":
        """Sets the mode, unless the encoder is frozen."""
        return super().train(mode and not self.is_frozen)

    def freeze_norms(self) -> None:
        """Fix all batch norm layers as they are: what a small batch, or a single picture, does not change."""
        self.network = optional_vision("timm.layers").freeze_batch_norm_2d(self.network)

    def freeze_stages(self, count: int) -> None:
        """Take the parameters of the finest `count` maps, and all that no map depends on, out of training.

        ConfigError where there are not as many maps.
        """
        stages = len(self.channels)
        if count > stages:
            raise ConfigError(
                f"{self.user}: frozen_stages {count}: encoder {self.name!r} has {stages} stages",
                hint=f"Use at most that: --set generator.frozen_stages={stages}",
            )
        used, frozen = (
            names_behind(self.network, n, channels=self.in_channels, size=self.size) if n else set()
            for n in (stages, count)
        )
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and name in used - frozen)
        self._freeze_norms_of(frozen)

    def _freeze_norms_of(self, parameters: set[str]) -> None:
        for name, layer in list(self.network.named_modules()):
            if isinstance(layer, _BatchNorm) and f"{name}.weight" in parameters:
                parent, _, attribute = name.rpartition(".")
                frozen = optional_vision("timm.layers").freeze_batch_norm_2d(layer)
                self.network.get_submodule(parent).add_module(attribute, frozen)

    def _refusal(self, size: Sequence[int], error: Exception) -> ShapeError:
        made_for, given = (" x ".join(map(str, each)) for each in (self.size, size))
        return ShapeError(
            f"{self.user}: encoder {self.name!r} does not take {given} pixels ({reason(error)})",
            hint=f"It was made for {made_for}: bring the pictures to that size.",
        )


def build_encoder(
    spec: ImageSpec, context: Context, *, user: str, encoder: str, pretrained: bool, weights: str
) -> Encoder:
    """The encoder of an option record for pictures of one side. ConfigError for pictures that are not flat."""
    size = tuple(context.size)
    if len(size) > 2:
        raise ConfigError(f"{user}: timm's models take flat pictures, not {len(size)} axes", hint="Choose another one.")
    if not size:
        size = tuple(pretrained_config(encoder, user=user).input_size[-2:])
    return Encoder(
        encoder,
        in_channels=spec.num_channels,
        size=size if len(size) == 2 else size * 2,
        user=user,
        pretrained=pretrained,
        source=weights,
        is_planes=spec.kind == "labels",
        weights_follow=context.weights_follow,
    )


def _statistics(values: Sequence[float], channels: int) -> Tensor:
    """One number for each channel: of several channels the colours' in turn, as timm repeats its weights for them."""
    repeated = [sum(values) / len(values)] if channels == 1 else [values[i % len(values)] for i in range(channels)]
    return torch.tensor(repeated).view(1, -1, 1, 1)
