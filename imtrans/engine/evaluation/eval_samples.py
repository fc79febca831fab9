"""What is judged: translations beside their targets, of a trained model or from two folders."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.evaluation.scoring import batches, predict
from imtrans.errors import DataError
from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.kit.images import from_range, target_to_display, to_display, to_range
from imtrans.kit.images.decode import decode
from imtrans.plugins.recipe import EvalProtocol

Array = np.ndarray[Any, Any]
LABELS = "labels"  # the extra in which exact class numbers come, (1, 1, H, W)


@dataclass(frozen=True, kw_only=True)
class EvalSample:
    """One translation and its target, as the protocol compares them: (1, C, *spatial), images in [-1, 1].

    `perfect` is the target as the model was given it: the best that a translation can be. `made_at` is the size at
    which the translation was made. The three pictures are to look at, (H, W, 3) uint8 as they were made.
    """

    prediction: Tensor
    batch: Batch
    perfect: Tensor
    made_at: tuple[int, ...]
    pictures: Callable[[], Mapping[str, Array]]


@dataclass(frozen=True, kw_only=True)
class EvalSamples:
    """All that is judged, in order; `data_spec` are what the metrics see."""

    count: int
    data_spec: DataSpec
    each: Callable[[], Iterator[EvalSample]]


def metric_spec(data_spec: DataSpec) -> DataSpec:
    """The signals as metrics see them: a target in another space of colour is compared as the picture it makes."""
    return dataclasses.replace(data_spec, target=ImageSpec()) if data_spec.target.space == "lab-ab" else data_spec


def samples_of_model(model: Model, loading: PairLoader, protocol: EvalProtocol, *, stored: PairLoader) -> EvalSamples:
    """The translations of every sample of `loading`, against the targets of `stored`: the same ones, as stored."""
    dataset = loading.source.dataset

    def each() -> Iterator[EvalSample]:
        indices = range(len(dataset))
        wholes = batches(model, stored, indices) if protocol.size else [None] * len(indices)
        for index, given, whole in zip(indices, batches(model, loading, indices), wholes, strict=True):
            yield _case(model, given, whole, protocol, labels=_labels(dataset, index))

    return EvalSamples(count=len(dataset), data_spec=metric_spec(model.data_spec), each=each)


def rounded(image: Tensor, spec: ImageSpec) -> Tensor:
    """(1, C, *spatial) as it would be read again from the file it is written to; labels as they are."""
    if spec.kind == "labels":
        return image
    array = torch.from_numpy(from_range(image[0], spec)).movedim(-1, 0)[None]
    return to_range(array, spec).to(image.device)


def resize_to(image: Tensor, size: Sequence[int], how: str, *, spec: ImageSpec | None = None) -> Tensor:
    """(1, C, H, W) at another size: by the filter `how`, with no aliasing; labels always by the nearest."""
    if tuple(image.shape[2:]) == tuple(size):
        return image
    if image.dim() != 4:
        raise DataError(f"only pictures can be resized, and this has the size {tuple(image.shape[2:])}")
    wanted = list(size)
    if how == "nearest" or (spec and spec.kind == "labels"):
        return torch.nn.functional.interpolate(image, wanted, mode="nearest-exact")
    if how == "area":
        return torch.nn.functional.interpolate(image, wanted, mode="area")
    return torch.nn.functional.interpolate(image, wanted, mode=how, antialias=True)


def _case(
    model: Model, given: Batch, whole: Batch | None, protocol: EvalProtocol, *, labels: Tensor | None
) -> EvalSample:
    data_spec = model.data_spec
    prediction = _compared(predict(model, given), given.source, data_spec)
    perfect, batch = _compared(given.target, given.source, data_spec), whole or given
    target = _compared(batch.target, batch.source, data_spec)
    made_at = tuple(prediction.shape[2:])
    size = tuple(protocol.size) or made_at
    how = protocol.resize
    extras = {**batch.extras, **({LABELS: labels.to(model.device)} if labels is not None else {})}
    compared = dataclasses.replace(
        batch,
        source=resize_to(batch.source, size, "nearest"),  # it may be painted labels, whose colours must not mix
        target=resize_to(target, size, how, spec=data_spec.target),
        extras=extras,
    )

    def pictures() -> dict[str, Array]:
        return {
            "source": to_display(given.source[0], data_spec.source),
            "prediction": to_display(prediction[0], metric_spec(data_spec).target),
            "target": to_display(perfect[0], metric_spec(data_spec).target),
        }

    return EvalSample(
        prediction=resize_to(prediction, size, how, spec=data_spec.target),
        batch=compared,
        perfect=resize_to(perfect, size, how, spec=data_spec.target),
        made_at=made_at,
        pictures=pictures,
    )


def _compared(image: Tensor, source: Tensor, data_spec: DataSpec) -> Tensor:
    """An image of the target side as it is compared: rounded as stored, colour joined to its lightness."""
    if data_spec.target.space != "lab-ab":
        return rounded(image, data_spec.target)
    picture = torch.from_numpy(target_to_display(image[0], source[0], data_spec)).movedim(-1, 0)[None]
    return to_range(picture, ImageSpec()).to(image.device)


def _labels(dataset: Any, index: int) -> Tensor | None:
    """The exact class numbers of a sample, (1, 1, H, W), where its data set has them."""
    own = getattr(dataset, "labels", None)
    path = own(index) if own else None
    return None if path is None else label_numbers(path)


def label_numbers(path: Path) -> Tensor:
    """The class numbers in a picture file, (1, 1, H, W) int64."""
    array = decode(path, as_labels=True)
    if array.shape[-1] != 1:
        raise DataError(f"{path}: {array.shape[-1]} channels where class numbers are wanted")
    return torch.from_numpy(array.astype(np.int64)).movedim(-1, 0)[None]
