"""A model's predictions over a split, as every evaluation compares them: with values as stored."""

import dataclasses
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.data.loader import Samples, prepare
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.evaluation.eval_samples import (
    CYCLE,
    LABELS,
    EvalSample,
    EvalSamples,
    label_numbers,
    metric_spec,
    resize_to,
    rounded,
)
from imtrans.engine.fast_layers.inference import for_inference
from imtrans.engine.fast_layers.packed import PackedWeights
from imtrans.engine.inference.forward import inference_mode, translate
from imtrans.interfaces import Batch, Dataset, DataSpec, ImageSpec
from imtrans.kit.images import Array, target_to_display, to_display, to_range
from imtrans.plugins.recipe import EvalProtocol


def batches(model: Model, loading: PairLoader, indices: Sequence[int]) -> Iterator[Batch]:
    """Batches of one picture, as the paper evaluates: with batch statistics neighbours would change the result."""
    samples = Samples(loading)
    for index in indices:
        stored = samples.received(samples.collate([samples[SampleIndex(0, index)]]))
        yield prepare(stored, model.data_spec, model.device)


def predict(model: Model, batch: Batch) -> Tensor:
    """The prediction for a batch, (B, C, *spatial); its noise follows from the first sample's draw alone."""
    # From the sample and not from a counter: shares of several processes give the same predictions.
    seed = int(batch.draws[0])
    with inference_mode(model, seed=seed):
        return translate(model, batch.source, extras=batch.extras, seed=seed)


def samples_of_model(
    model: Model,
    loading: PairLoader,
    protocol: EvalProtocol,
    *,
    stored: PairLoader | None = None,
    indices: Sequence[int] | None = None,
) -> EvalSamples:
    """The predictions for the samples of `loading` (all, or those of `indices`), beside their targets.

    `stored` gives the same samples at the size in which they are stored; it is read where the protocol has a size of
    its own. Without it targets are compared at the size that the model was given.
    """
    dataset = loading.source.dataset
    chosen = range(len(dataset)) if indices is None else indices

    def each() -> Iterator[EvalSample]:
        as_stored = batches(model, stored, chosen) if protocol.size and stored else [None] * len(chosen)
        layers = for_inference(model.networks.values(), PackedWeights())
        for index, batch, other in zip(chosen, batches(model, loading, chosen), as_stored, strict=True):
            with layers:
                sample = _eval_sample(model, batch, other or batch, protocol, labels=_labels(dataset, index))
            yield dataclasses.replace(sample, is_repeat=_repeats(loading, index))

    is_paired = loading.source.is_paired
    return EvalSamples(count=len(chosen), data_spec=metric_spec(model.data_spec), each=each, is_paired=is_paired)


def _eval_sample(
    model: Model, batch: Batch, stored: Batch, protocol: EvalProtocol, *, labels: Tensor | None
) -> EvalSample:
    data_spec = model.data_spec
    predicted = predict(model, batch)
    others = _both_ways(model, batch, predicted)
    prediction = _as_compared(predicted, batch.source, data_spec)
    if batch.valid is not None and data_spec.target.kind != "labels":
        prediction = prediction * batch.valid  # targets are 0 there as well, for metrics that know of no mask
    upper_bound = _as_compared(batch.target, batch.source, data_spec)
    target = _as_compared(stored.target, stored.source, data_spec)
    predicted_size, how = tuple(prediction.shape[2:]), protocol.resize
    size = tuple(protocol.size) or predicted_size

    def pictures() -> dict[str, Array]:
        target_spec = metric_spec(data_spec).target
        return {
            "source": to_display(batch.source[0], data_spec.source),
            "prediction": to_display(prediction[0], target_spec),
            "target": to_display(upper_bound[0], target_spec),
            **{name: to_display(picture[0], spec) for name, (picture, spec) in others.items()},
        }

    return EvalSample(
        prediction=resize_to(prediction, size, how, spec=data_spec.target),
        batch=dataclasses.replace(
            stored,
            source=resize_to(stored.source, size, "nearest"),  # it may be painted labels, whose colours must not mix
            target=resize_to(target, size, how, spec=data_spec.target),
            valid=None if stored.valid is None else resize_to(stored.valid, size, "nearest"),
            extras={
                **stored.extras,
                **({LABELS: labels.to(model.device)} if labels is not None else {}),
                **({CYCLE: resize_to(others[CYCLE][0], size, how)} if others else {}),
            },
        ),
        upper_bound=resize_to(upper_bound, size, how, spec=data_spec.target),
        predicted_size=predicted_size,
        pictures=pictures,
    )


def _both_ways(model: Model, batch: Batch, predicted: Tensor) -> dict[str, tuple[Tensor, ImageSpec]]:
    """What a model that translates both ways makes besides, with what each picture is: the prediction back again, the
    target's translation, and that back again; nothing where it translates one way alone."""
    back, seed = model.reversed(), int(batch.draws[0])
    source, target = model.data_spec.source, model.data_spec.target
    if back is None or any(spec.kind == "labels" or spec.space for spec in (source, target)):
        return {}
    with inference_mode(model, seed=seed):
        there = translate(back, batch.target, seed=seed)
        cycle, again = translate(back, predicted, seed=seed), translate(model, there, seed=seed)
    return {CYCLE: (rounded(cycle, source), source), "back": (there, source), "back cycle": (again, target)}


def _repeats(loading: PairLoader, index: int) -> tuple[bool, bool]:
    """Whether the source, and the target, of a sample as it is trained on are those of an earlier one."""
    lengths = loading.source.dataset.description.lengths
    if loading.source.is_paired or not lengths:
        return False, False
    source, target = (index >= count for count in lengths)
    return (target, source) if loading.is_reversed else (source, target)


def _as_compared(image: Tensor, source: Tensor, data_spec: DataSpec) -> Tensor:
    """An image of the target side as it is compared: rounded as stored, colour joined to its lightness."""
    if data_spec.target.space != "lab-ab":
        return rounded(image, data_spec.target)
    picture = torch.from_numpy(target_to_display(image[0], source[0], data_spec)).movedim(-1, 0)[None]
    return to_range(picture, ImageSpec()).to(image.device)


def _labels(dataset: Dataset, index: int) -> Tensor | None:
    """The exact class numbers of a sample, (1, 1, H, W), where its data set has them."""
    # From the file: painted in colours and resized, class numbers would not be exact any more.
    path = dataset.labels(index)
    return None if path is None else label_numbers(path)
