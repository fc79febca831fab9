"""What a recipe and an evaluation protocol declare, and the options that every run has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from imtrans.plugins.component import ComponentRef, Direction, WeightedRef
from imtrans.plugins.interval import Interval
from imtrans.plugins.options import option

__all__ = [
    "DataOptions",
    "EvalProtocol",
    "InferenceOptions",
    "OptimizerOptions",
    "ParameterGroupOptions",
    "Recipe",
    "WeightedRef",
    "TrainOptions",
    "ComponentRef",
]


Speedup = Literal[
    "auto",
    "none",
    "fused-adam",
    "small-maps",
    "kept-memory",
    "channels-last",
    "cuda-graph",
    "resident-samples",
    "background-save",
]


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The keys `data.*`. The `former` names are those in run folders and checkpoints of format 1."""

    size: tuple[int, ...] = option(
        (256,), "pixels of a side of a training crop; two numbers: height and width", low=1, unit="pixels"
    )
    batch_size: int = option(
        1,
        "pictures per step, over all devices",
        low=1,
        unit="pictures",
    )
    direction: Direction | None = option(None, "which side is the source; none: as the data set says")
    interpolation: Literal["nearest", "bilinear", "bicubic", "area", "lanczos"] | None = option(
        None, "filter for resizing pictures (labels: always nearest); none: as the augmentation asks, else bilinear"
    )
    workers: int = option(
        0,
        "processes that load pictures; 0: the main one",
        low=0,
        high=256,
        unit="processes",
    )
    cache: Literal["auto", "on", "off"] = option(
        "auto", "keep pictures decoded and resized, for the next epoch and run; auto: those from files, where they fit"
    )
    folds: int | None = option(
        None,
        "parts into which the training pairs are dealt; one is held out for validation, see data.fold",
        low=2,
        unit="parts",
        example="5",
    )
    fold: int | None = option(None, "which of data.folds is held out: 1 to N", low=1, unit="number", example="1")
    skip_invalid: bool = option(
        False, "train without pictures that are broken, and list them in skipped.jsonl", former={"skip_bad": None}
    )


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The keys `train.*`, but for the optimisers'."""

    # Neither has a default here: the one that a layer sets takes the other away, and 200 epochs come last.
    epochs: int | None = option(
        None,
        "passes over the training pictures",
        low=1,
        unit="epochs",
    )
    steps: int | None = option(
        None,
        "training steps, instead of epochs",
        low=1,
        unit="steps",
    )
    seed: int = option(
        0,
        "number from which all random draws follow",
        low=0,
        high=2**31 - 1,
        unit="number",
    )
    device: str = option(
        "auto",
        "cpu, cuda, cuda:N, mps, or auto: the first accelerator there is",
        example="cuda:1",
    )
    init: str | None = option(
        None, "run, checkpoint or safetensors file whose weights to begin with, where they fit", example="runs/first"
    )
    precision: Literal["float32", "bf16", "fp16", "auto"] = option(
        "float32",
        "what the networks compute in (weights: float32); auto: bf16 where it is fast and trains as well",
    )
    speedups: tuple[Speedup, ...] = option(
        ("auto",), "what makes it faster, unchanged: auto, all that was seen to; none; or by name"
    )
    timeout: int = option(
        120, "seconds for which one of several devices may keep the others waiting", low=1, unit="seconds"
    )
    compile: bool = option(False, "compile the networks (torch.compile): slow to start, faster on a GPU")
    deterministic: bool = option(False, "only operations that give the same bits each time, on a GPU, too")
    grad_accum_steps: int = option(
        1,
        "parts into which each device cuts its share of a batch: less memory, the same gradients",
        low=1,
        former={"accumulate": None},
        unit="parts",
    )
    clip_grad_norm: float | None = option(
        None,
        "longest gradient of an optimiser group; none: as it is",
        low=0,
        former={"clip": None},
        unit="length of the gradient",
    )
    schedule: Literal["constant", "linear", "cosine", "inverse-time"] = option(
        "constant", "schedule of the learning rate; linear: to 0 from train.decay_start on, as CycleGAN"
    )
    decay_start: float = option(0.5, "share of the run after which the linear schedule begins to fall", low=0, high=1)
    decay_rate: float = option(
        1e-5,
        "fall per step of the inverse-time schedule",
        low=0,
        unit="per step",
    )
    warmup: int = option(
        0,
        "steps in which the learning rate rises from 0",
        low=0,
        unit="steps",
    )
    ema: float = option(
        0.0, "decay of the moving average of the weights that pictures are made with; 0: none", low=0, high=1
    )
    log_every: int = option(
        10,
        "steps between two log lines",
        low=1,
        unit="steps",
    )
    sample_every: Interval | None = option(
        None, "time between two sample pictures; none: a tenth of the run, at most 500 steps"
    )
    evaluate_every: Interval | None = option(None, "time between two evaluations; none: about ten in a run")
    save_every: Interval | None = option(None, "time between two checkpoints; none: 2000 steps")
    keep_last: int | None = option(
        None,
        "newest checkpoints that are kept, beside the best and the milestones; none: 2, and 1 when the run is finished",
        low=1,
        former={"keep": None},
        unit="checkpoints",
    )
    milestone_every: Interval | None = option(
        None, "time between two checkpoints that are kept for good; none: no such"
    )
    best_metric: str | None = option(
        None, "metric that tells the best checkpoint; none: the first one", former={"best": None}, example="psnr"
    )
    best_checkpoint: Literal["weights", "full"] = option(
        "weights",
        "what the best checkpoint holds: the weights, or all that resuming from it needs, three times as much",
    )
    early_stopping_patience: int | None = option(
        None,
        "evaluations without a new best after which training ends",
        low=1,
        former={"patience": None},
        unit="evaluations",
    )
    num_samples: int = option(
        6, "validation pictures on a sample grid", low=1, high=64, former={"samples": None}, unit="pictures"
    )
    licence: str | None = option(
        None,
        "terms on which the model may be used, stored in its files; one of the Hub's identifiers (cc-by-4.0, mit, "
        "other) is understood there, too",
        example="cc-by-4.0",
    )


@dataclass(frozen=True, kw_only=True)
class OptimizerOptions:
    """The keys `train.optimizer.*` (every group) and `train.optimizer.GROUP.*` (one)."""

    # Rate and betas are the paper's (section 3.3).
    name: str = option(
        "adam",
        "adam, or any optimiser that timm knows",
        example="adamw",
    )
    lr: float = option(
        2e-4,
        "learning rate",
        low=0,
        unit="per step",
    )
    betas: tuple[float, ...] = option((0.5, 0.999), "decay of the two moment estimates", low=0, high=1)
    eps: float = option(
        1e-8,
        "added to the denominator",
        low=0,
        unit="added number",
    )
    weight_decay: float = option(
        0.0,
        "pull of the weights towards zero",
        low=0,
        unit="per step",
    )


@dataclass(frozen=True, kw_only=True)
class ParameterGroupOptions:
    """The keys `train.optimizer.PART.*` of a part of a network that a component names (`NetworkInfo`)."""

    lr: float | None = option(
        None,
        "learning rate of this part of a network; none: that of its optimiser",
        low=0,
        unit="per step",
        example="1e-5",
    )
    weight_decay: float | None = option(
        None, "pull of this part's weights towards zero; none: that of its optimiser", low=0, unit="per step"
    )
    fixed_for: Interval | None = option(
        None, "time from the beginning on for which this part stays as it is: steps or epochs", example="10 epochs"
    )


@dataclass(frozen=True, kw_only=True)
class InferenceOptions:
    """The keys `inference.*` of a method that has no policy of its own to add."""

    # The paper runs the generator at test time as in training, dropout included (section 3.3).
    norm: Literal["batch", "running"] = option(
        "batch", "statistics of the norm layers: the picture's own, as in the paper, or the running ones of training"
    )
    dropout: bool = option(True, "dropout as the source of noise, as in the paper")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A method with its slots filled: everything that makes one experiment, but for the data.

    `networks` and `losses` fill the method's slots by name; a slot that takes many is given a sequence. `base` names a
    recipe to start from. `data`, `train` and `inference` hold values for the keys of those sections; whatever is left
    out is decided by the data set's advice, else by the defaults. An optimiser's values stand in `train` under
    "optimizer.lr" or "optimizer.GROUP.lr".

    `imtrans list recipes NAME` shows what differs from the recipe `reference`, both on the data set
    `reference_dataset`; recipes based on this one inherit both. `is_default`: commands that only look at data use it
    where no recipe is named.
    """

    name: str
    summary: str
    # None, here and below: the base's. An empty sequence is a value, and takes away what the base has.
    method: ComponentRef | None = None
    base: str | None = None
    networks: Mapping[str, ComponentRef] = field(default_factory=dict)
    losses: Mapping[str, ComponentRef | Sequence[ComponentRef]] = field(default_factory=dict)
    augment: Sequence[ComponentRef] | None = None
    metrics: Sequence[ComponentRef] | None = None
    dataset: ComponentRef | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    inference: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""
    reference_dataset: str = ""
    is_default: bool = False


@dataclass(frozen=True, kw_only=True)
class EvalProtocol:
    """What a number means: every choice behind it. Any change needs a new version.

    Pictures are compared at `size` (height, width); the filter `resize` brings both translation and target there.
    Empty: at the size at which the model works. `inference` holds values for the keys of that section; what is left out
    is the model's own policy. `optional` metrics are left out, by name, where what they need is not installed
    (`imtrans.errors.NotInstalledError`). With `has_upper_bound` the targets themselves, as the model was given them,
    are scored, too: no translation can do better. Fewer than `min_samples` pictures get a warning. `default_for` are
    the kinds of targets for which it is used where no protocol is named: "image" (flat pictures), "labels", or
    "unpaired" (flat pictures that are no source's own).
    """

    # Both are in every record of an evaluation, beside a hash of the choices below, which finds a forgotten version.
    name: str
    version: int
    metrics: Sequence[ComponentRef]
    summary: str = ""
    optional: Sequence[ComponentRef] = ()
    size: Sequence[int] = ()
    resize: Literal["nearest", "bilinear", "bicubic", "area"] = "bilinear"
    split: Literal["train", "val", "test"] = "val"
    inference: Mapping[str, Any] = field(default_factory=dict)
    has_upper_bound: bool = False
    min_samples: int = 0
    default_for: Sequence[Literal["image", "labels", "unpaired"]] = ()
