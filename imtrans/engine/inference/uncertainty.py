"""How far the translations of one picture lie apart: over the members of an ensemble, and over seeds."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from imtrans.engine.inference.large.footprint import TileLimits
from imtrans.engine.inference.model_runner import ModelRunner
from imtrans.errors import ConfigError
from imtrans.interfaces import ImageSpec
from imtrans.kit.ensemble import member_count, one_member
from imtrans.kit.images import Array
from imtrans.kit.images.labels import classes_of

FULL = 0.125  # of the range of values: the spread that a map shows brightest


def check_spread(runner: ModelRunner, seeds: Sequence[int]) -> None:
    """ConfigError for a model that gives one translation alone of each picture."""
    model = runner.model
    if member_count(model.networks.values()) > 1:
        return
    if len(seeds) < 2:
        raise ConfigError(
            "--uncertainty: this model is no ensemble, and of one sample there is no spread",
            hint="Make one of several runs (imtrans run RECIPE --folds 5, imtrans ensemble), or take --samples 8",
        )
    if getattr(model.config.inference, "dropout", True) is False:
        raise ConfigError(
            "--uncertainty: this model has no noise by its policy, so all its samples are alike",
            hint="Give it noise: --set inference.dropout=true",
        )


def uncertainty(
    runner: ModelRunner, source: Array, *, seeds: Sequence[int] = (0,), limits: TileLimits | None = None
) -> Array:
    """The spread of the translations of what a runner's `reader` gives, (*spatial, C): (*spatial) float32.

    Of pictures and data the standard deviation, as a share of the target's range (at most 0.5), the root of its mean
    square over the channels; of labels the share of the translations that differ from the most frequent class.
    """
    results = list(_results(runner, source, seeds, limits or TileLimits()))
    spec = runner.model.data_spec.target
    return _disagreement(results, spec) if spec.kind == "labels" else _deviation(results, spec)


def heat(spread: Array) -> Array:
    """A map to look at, uint8 (H, W, 3): dark where all agree, bright where the spread is `FULL` and more."""
    grey = np.clip(spread / FULL * 255, 0, 255).round().astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[..., ::-1])


def _results(runner: ModelRunner, source: Array, seeds: Sequence[int], limits: TileLimits) -> Iterator[Array]:
    networks = list(runner.model.networks.values())
    for member in range(max(member_count(networks), 1)):
        with one_member(networks, member):
            for seed in seeds:
                yield runner.run(source, seed=seed, limits=limits)


def _deviation(results: Sequence[Array], spec: ImageSpec) -> Array:
    # Another colour space comes back as an 8 bit picture.
    low, high = (0.0, 255.0) if spec.space else (spec.low, spec.high)
    square = np.stack(results).astype(np.float64).var(0).mean(-1)
    return np.asarray(np.sqrt(square) / (high - low), np.float32)


def _disagreement(results: Sequence[Array], spec: ImageSpec) -> Array:
    classes = np.stack([classes_of(result, spec)[..., 0] for result in results])
    votes = np.max([(classes == each).sum(0) for each in np.unique(classes)], axis=0)
    return np.asarray(1 - votes / len(results), np.float32)
