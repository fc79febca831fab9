"""Segmentation scores: images compared by the classes that their pixels show."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imtrans import Component, ComponentRef, EvalProtocol, MetricInfo, Recipe, WeightedRef, hookimpl, option

PALETTE = "CSV file of name,red,green,blue,void: the colours of the classes; none: those of Cityscapes"
CITYSCAPES_PICTURES = 500  # the whole validation split: in fewer images some classes do not occur


@dataclass(frozen=True, kw_only=True)
class ColourOptions:
    """Options of label-colours."""

    palette: Path | None = option(None, PALETTE)


@dataclass(frozen=True, kw_only=True)
class SegmentationOptions:
    """Options of segmentation."""

    network: ComponentRef = option(
        ComponentRef("label-translator"), "network that finds the classes of a photo", kind="network"
    )
    palette: Path | None = option(None, PALETTE)


@dataclass(frozen=True, kw_only=True)
class TranslatorOptions:
    """Options of label-translator. Its fingerprint, not the path of the run, says which network scored."""

    run: str = option("label-scorer", "run, or its folder, that translates photos to label colours", affects_hash=False)
    palette: Path | None = option(None, PALETTE)


@dataclass(frozen=True, kw_only=True)
class FCNOptions:
    """Options of fcn8s; the size is that of the authors' evaluation."""

    weights: Path | None = option(
        None, "file of weights: .safetensors, .npz or .pth, with the names of the Caffe layers", affects_hash=False
    )
    height: int = option(1024, "height in pixels to which photos are resized", low=32)
    width: int = option(2048, "the same for the width", low=32)


@dataclass(frozen=True, kw_only=True)
class PainterOptions:
    """Options of lite0-painter."""

    width: int = option(128, "channels of the head", low=2)


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe | EvalProtocol]:
    """Three metrics, three networks, three protocols, and the recipe of the network behind the metric segmentation."""
    yield from _metrics()
    yield from _networks()
    yield from _protocols()
    yield Recipe(
        name="label-scorer",
        summary="photos to label colours on features of photographs: the network behind the metric segmentation",
        base="pix2pix",
        networks={"generator": ComponentRef("lite0-painter")},
        losses={"adversarial": WeightedRef("bce", weight=0.0)},
        metrics=[ComponentRef("l1"), ComponentRef("label-colours")],
        data={"direction": "AtoB", "batch_size": 8},
        train={"epochs": 4, "optimizer.lr": 1e-3},
        # The norm layers of its encoder have the statistics of many photographs: those of a batch are worse.
        inference={"norm": "running", "dropout": False},
    )


def _metrics() -> Iterable[Component]:
    yield Component(
        kind="metric",
        name="iou",
        target="imtrans_segmentation.iou:IoU",
        summary="intersection over union of each class, their mean, and pixel accuracy, of label maps (class numbers)",
        info=MetricInfo(higher_is_better=True, numbers={"mean_iou": True, "pixel_accuracy": True}, targets=["labels"]),
        needs_context=True,
    )
    yield Component(
        kind="metric",
        name="label-colours",
        target="imtrans_segmentation.label_colors:LabelColours",
        summary="accuracy and IoU of classes, read from the colours of painted labels (photos to labels)",
        options=ColourOptions,
        info=MetricInfo(higher_is_better=True, numbers=_scores(""), targets=["image", "labels"]),
        needs_context=True,
    )
    yield Component(
        kind="metric",
        name="segmentation",
        target="imtrans_segmentation.photo_segmentation:Segmentation",
        summary="accuracy and IoU of the classes that a network finds in a photo (labels to photos; FCN score)",
        options=SegmentationOptions,
        info=MetricInfo(higher_is_better=True, numbers=_scores("seg_"), needs=("source",)),
        needs_context=True,
    )


def _scores(prefix: str) -> dict[str, bool]:
    """The numbers of a metric of classes: higher is better for all of them."""
    names = ("pixel_accuracy", "class_accuracy", "class_iou")
    return {f"{prefix}{full}{name}": True for full in ("", "full_") for name in names}


def _networks() -> Iterable[Component]:
    yield Component(
        kind="generator",
        name="lite0-painter",
        target="imtrans_segmentation.frozen_encoder:build",
        summary="photos to labels: frozen features of EfficientNet-lite0 and a small head; needs imtrans[metrics]",
        options=PainterOptions,
        needs_context=True,
    )
    yield Component(
        kind="network",
        name="label-translator",
        target="imtrans_segmentation.run_network:LabelTranslator",
        summary="classes of a photo by a run of yours that paints labels (recipe label-scorer)",
        options=TranslatorOptions,
    )
    yield Component(
        kind="network",
        name="fcn8s",
        target="imtrans_segmentation.fcn:pretrained",
        summary="classes of a Cityscapes photo by FCN-8s on VGG-16 (Long et al. 2015), with a file of weights",
        options=FCNOptions,
    )


def _protocols() -> Iterable[EvalProtocol]:
    yield EvalProtocol(
        name="labels",
        version=1,
        metrics=[ComponentRef("iou")],
        summary="label maps compared by class numbers: IoU of each class, their mean, pixel accuracy",
        default_for=["labels"],
    )
    yield EvalProtocol(
        name="cityscapes-labels",
        version=2,
        metrics=[ComponentRef("label-colours")],
        summary="photos to labels at 256 x 256: classes by the nearest colour, without void",
        size=(256, 256),
        resize="nearest",
        has_upper_bound=True,
        min_samples=CITYSCAPES_PICTURES,
    )
    yield EvalProtocol(
        name="segmentation-score",
        version=2,
        metrics=[ComponentRef("segmentation")],
        summary="labels to photos at 256 x 256: classes that a network finds in the photos",
        size=(256, 256),
        resize="bilinear",
        has_upper_bound=True,
        min_samples=CITYSCAPES_PICTURES,
    )
