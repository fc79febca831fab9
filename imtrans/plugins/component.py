"""What a plugin declares: components, their slots and what is known of them before import, as plain records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

# Every kind is used somewhere: one that nothing reads would let a plugin declare components that never run.
Kind = Literal[
    "generator",
    "discriminator",
    "network",
    "activation",
    "loss",
    "adversarial",
    "penalty",
    "discriminator_augmentation",
    "augmentation",
    "dataset",
    "metric",
    "method",
    "importer",
    "exporter",
    "format",
    "observer",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Direction = Literal["AtoB", "BtoA"]
# Sections of config.toml: a slot of such a name would be overwritten by the section when a run is written and read.
RESERVED_SLOTS = ("data", "train", "inference", "dataset", "method", "recipe", "augment", "metrics", "observers")


@dataclass(frozen=True, kw_only=True)
class Component:
    """One thing a plugin offers, declared without importing it.

    `target` is "module:attribute", imported only when the component is used and called with its options as keywords;
    with `needs_context` there is one more, `context` (`imtrans.interfaces.Context`). `options` is a frozen dataclass
    whose fields are made by `imtrans.option`, or an instance of one: then its values are the defaults, so that several
    components can share one class. `info` is a `MethodInfo` for a method, a `DatasetInfo` for a data set, a
    `MetricInfo` for a metric (left out: its defaults), an `ExporterInfo` for an exporter, a `FormatInfo` for a format
    and, where it has something to say, a `NetworkInfo` for a generator, discriminator or network.
    """

    kind: Kind
    name: str
    target: str  # text, not the object: importing that would make `imtrans list` load torch
    summary: str
    options: Any = None
    info: Any = None
    needs_context: bool = False

    def __post_init__(self) -> None:
        if self.kind == "metric" and self.info is None:  # whoever asks a metric's info need not ask whether it has one
            object.__setattr__(self, "info", MetricInfo())


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place in a method that a recipe fills with components of one kind.

    The trainable parameters of what fills it go to the optimiser group `group`. With `reverse`, source and target
    change places for the component (the way back of a cycle). With `many`, several may fill it, each with its weight.
    """

    kind: Kind
    group: str | None = None
    reverse: bool = False
    many: bool = False


# What every run has beside the slots of its method: lists of components, empty unless something fills them.
LIST_SLOTS = {
    "augment": Slot(kind="augmentation", many=True),
    "metrics": Slot(kind="metric", many=True),
    "observers": Slot(kind="observer", many=True),
}


@dataclass(frozen=True, kw_only=True)
class MethodInfo:
    """What the engine must know of a method before it is imported.

    `slots` by name; a name is a Python identifier and none of `RESERVED_SLOTS`. `policy` is an options record (class
    or instance): how the trained model is run, the keys `inference.*`; it is stored in the checkpoint.
    """

    slots: Mapping[str, Slot]
    policy: Any = None
    needs_pairs: bool = True


@dataclass(frozen=True, kw_only=True)
class Archive:
    """How a data set comes to the disk, and what must be there then.

    It is fetched from `url`; without one (a login is needed) a person gets it at the page `site`. `sha256` and `size`
    in bytes are checked after the download; `approx_bytes` is shown where the publisher only rounds. At most `unpacked`
    bytes and a tenth may come out of it; 0: ten times its own size. `counts` are the samples of each split. They are
    the pictures in the folder of the split's name, unless `split_globs` gives for a split another folder or a pattern
    of files such as "data_*.bin", of which `record_bytes` bytes are one sample. `suffixes` are unpacked besides those
    of pictures and texts.

    `originals` are names of archives that a person may give instead; `prepare` ("module:function") makes the set from
    them. It is called as `prepare(paths, folder, counts=counts, tick=tick)`, fills the empty folder, calls
    `tick(done, count)`, and raises DataError for what is not right.
    """

    url: str = ""
    site: str = ""
    sha256: str = ""
    size: int = 0
    approx_bytes: int = 0
    unpacked: int = 0  # a bound against archives that unpack to terabytes
    counts: Mapping[str, int] = field(default_factory=dict)
    split_globs: Mapping[str, str] = field(default_factory=dict)
    record_bytes: int = 0
    suffixes: Sequence[str] = ()
    originals: Sequence[str] = ()
    prepare: str = ""


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """What is known of a data set without reading it.

    `direction` names the source unless `data.direction` does: A is the side that the data set gives first. `advice`
    maps configuration keys ("train.epochs") to values that suit this data; a recipe's own values go before it.
    `is_default`: it is used where no data set is named. `path_options` names the options that hold the path of the
    pairs: `--dataset PATH` sets the first one, and a run is called after the first that is set. A set with `schemes`
    is chosen by `--dataset SCHEME://...`, whose whole text is the first of these options, or by
    `--dataset SCHEME:NAME?OPTION=VALUE&...`; one with a `marker` by a folder that holds a file of this name. Other
    paths are not its own then. For people: `sides`
    says what A and B are, `pixels` how large one side is as (height, width) where all are equal, `terms` are the terms
    of use.
    """

    is_paired: bool = True
    direction: Direction = "AtoB"
    advice: Mapping[str, Any] = field(default_factory=dict)
    archive: Archive | None = None
    terms: str = ""
    sides: tuple[str, str] = ("", "")
    pixels: tuple[int, int] | None = None
    is_default: bool = False
    path_options: Sequence[str] = ()
    schemes: Sequence[str] = ()
    marker: str = ""


@dataclass(frozen=True, kw_only=True)
class MetricInfo:
    """Which way a metric's numbers point, and what it needs.

    `numbers` names those that are not called as the metric is, or point another way than `higher_is_better`; the first
    one decides which checkpoint is best. Where it names any, numbers of other names, such as one for each class, are in
    evaluations and not in the log of a training. `is_set_level`: a number of a whole set of pictures, such as FID. No
    picture has it alone, and drawing pictures again would shift it, so it gets no interval. `needs` names what must be
    in the batch beside the target: "source", or the name of an extra. `named_options` are options that the names of its
    numbers tell; an evaluation appends all others that are not the default, as in "ssim[window=7]". `targets` are the
    kinds of targets that it compares (`ImageSpec.kind`; empty: all): an evaluation of another kind leaves it out.
    `needs_pairs` False: it compares the predictions as a whole with the targets as a whole, as FID does, so that it
    also means something where no picture has a target of its own.
    """

    higher_is_better: bool = False
    numbers: Mapping[str, bool] = field(default_factory=dict)
    is_set_level: bool = False
    needs: Sequence[str] = ()
    named_options: Sequence[str] = ()
    targets: Sequence[Literal["image", "labels", "data"]] = ()
    needs_pairs: bool = True

    def compares(self, kind: str) -> bool:
        """Whether it compares targets of this kind."""
        return not self.targets or kind in self.targets

    def points_up(self, number: str) -> bool:
        """Whether a higher value of this one of its numbers is better."""
        return self.numbers.get(number, self.higher_is_better)


@dataclass(frozen=True, kw_only=True)
class NetworkInfo:
    """What is known of a network before it is built.

    `parameter_groups` names parts of it whose weights may be trained otherwise than the rest, by the keys
    `train.optimizer.NAME.lr` and `train.optimizer.NAME.weight_decay`. The network's own method `parameter_groups()`
    gives the parameters of each name; those of none are the rest. Networks of one run may share a name.
    `axes`: how many spatial axes its input has, 2 for pictures and 3 for volumes; None: as many as its convolutions
    have, where these are all alike.
    """

    parameter_groups: Sequence[str] = ()
    axes: int | None = None


@dataclass(frozen=True, kw_only=True)
class ExporterInfo:
    """What files of a trained model an exporter writes.

    Their names end in `suffix`. `dtypes` names the types in which it can store or compute ("fp32" first, "fp16",
    "int8"), each with its bound: a file that differs by more from the model, as values in [-1, 1], is not left behind.
    """

    suffix: str
    dtypes: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class FormatInfo:
    """Which files a format reads: those whose names end, in lower case, in one of the `suffixes` (".tif").

    With `has_folders` also folders of any name that it recognises, each as one thing (a series of slices).
    """

    suffixes: Sequence[str]
    has_folders: bool = False


@dataclass(frozen=True)
class ComponentRef:
    """The name of a component with the option values that differ from its defaults."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class WeightedRef(ComponentRef):
    """A component as one weighted term of a sum: a loss of weight 0 is left out."""

    weight: float = 1.0
