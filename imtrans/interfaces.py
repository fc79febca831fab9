"""What components are to each other: the records they exchange and the protocols they fulfil."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from imtrans.plugins.component import ComponentRef, Kind

# A plugin's declaration may import this module, and must not import torch.
if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor, nn
    from torch.export import ExportedProgram

    from imtrans.config.schema import RunConfig

Split = Literal["train", "val", "test"]
Update = Callable[[Mapping[str, "Tensor"]], None]
Tick = Callable[[int, int], None]  # (done, count): how long work reports its progress


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """What one side of a pair is: its channels as stored, and the stored values that become -1 and 1.

    "labels" are whole numbers below `classes`, one channel; networks see them one-hot, as `classes` planes of 0 and 1,
    and pixels of the value `void` as planes of 0, which losses and metrics leave out. "image" can be shown as a
    picture, "data" cannot. `bits` is the depth when written; `palette` gives labels colours; `values` are the numbers
    that stand for the classes in files, where these are not 0, 1, 2 and so on. Values of pictures beyond the range are
    refused, unless the side `clips` them. So many `pages` of a file are its channels, one after the other; of a stack
    (`is_stack`) each page is a picture of its own, as a slice of depth. Transparent
    pictures are laid on the colour `background` when they are read (None: their hidden colours are taken).
    `space` says what the values are where that is not RGB: "grey" (three times), "lab-l" and "lab-ab", which together
    make a picture; pictures are converted to it before they are translated, and back afterwards
    (`imtrans.kit.images.color`).
    """

    kind: Literal["image", "labels", "data"] = "image"
    channels: int = 3
    low: float = 0.0
    high: float = 255.0
    bits: int = 8
    classes: int | None = None
    palette: Sequence[Sequence[int]] | None = None
    values: Sequence[int] | None = None
    void: int | None = None
    clips: bool = False
    pages: int = 1
    is_stack: bool = False
    background: tuple[int, int, int] | None = (255, 255, 255)
    space: Literal["", "grey", "lab-l", "lab-ab"] = ""

    @property
    def num_channels(self) -> int:
        """The channels that a network sees."""
        return self.classes if self.kind == "labels" and self.classes else self.channels


class StoredSizes(NamedTuple):
    """Height and width, in pixels, of a data set's sources before they are brought to `data.size`.

    `median` of each, the least and the greatest.
    """

    median: tuple[int, int]
    low: tuple[int, int]
    high: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """What a data set gives on either side.

    `half_aspect`: width by height of one side, where both lie in one picture side by side; None where they do not.
    `stored`: how large the sources are, which the engine finds out; None where they are never resized.
    """

    source: ImageSpec = field(default_factory=ImageSpec)
    target: ImageSpec = field(default_factory=ImageSpec)
    extras: Mapping[str, ImageSpec] = field(default_factory=dict)
    half_aspect: float | None = None
    stored: StoredSizes | None = None

    def reversed(self) -> "DataSpec":
        """The same with source and target exchanged."""
        return replace(self, source=self.target, target=self.source)

    def has_sides_of(self, other: "DataSpec") -> bool:
        """Whether both sides are specified as those of the other."""
        return (self.source, self.target) == (other.source, other.target)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One sample as stored: arrays (*spatial, C) of any dtype; `key` names it in logs and file names."""

    source: "np.ndarray[Any, Any]"
    target: "np.ndarray[Any, Any]"
    key: str
    extras: Mapping[str, "np.ndarray[Any, Any]"] = field(default_factory=dict)

    def reversed(self) -> "Pair":
        """The same with source and target exchanged."""
        return replace(self, source=self.target, target=self.source)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Samples on the device, (B, C, *spatial). Images are float32 in [-1, 1]; labels int64 (B, 1, *spatial) while they
    are augmented, one-hot float32 afterwards. `draws` holds one int64 a sample, from which all randomness about that
    sample follows (`imtrans.kit.random`). `valid`, float32 (B, 1, *spatial), is 0 where the target's label is void,
    which losses and metrics leave out, and 1 elsewhere; None where no label is void."""

    source: "Tensor"
    target: "Tensor"
    keys: Sequence[str]
    draws: "Tensor"
    extras: Mapping[str, "Tensor"] = field(default_factory=dict)
    valid: "Tensor | None" = None


class DiscriminatorOutput(NamedTuple):
    """What a discriminator returns: logits, one tensor (B, 1, *patches) per scale; its layers' outputs per scale."""

    logits: "Sequence[Tensor]"
    features: "Sequence[Sequence[Tensor]]" = ()


class Geometry(NamedTuple):
    """Sizes a trained model can take: multiples of `stride`. `halo`: how far an output pixel sees; None: measure it."""

    stride: int
    halo: int | None = None


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a target that is declared with `needs_context` gets as the keyword `context` beside its options.

    `make(kind, ref)` builds another component by name, with the same context. `data_spec` is the data as this slot sees
    it, `size` the training crop.
    """

    make: Callable[[Kind, ComponentRef], Any]
    data_spec: DataSpec = field(default_factory=DataSpec)
    size: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class DatasetContext:
    """What a data set gets beside its options: its split and, in `size`, what the loader will ask for.

    Where `skip_invalid` is true it leaves out what makes no sample, and reports it in the `issues` of its description,
    instead of raising. `data_spec`, where it is given, is what its sides are to be read as: the description that the
    run has found, or that a model was trained with. `make` builds the data sets that its options name.
    """

    make: Callable[[Kind, ComponentRef], Any]
    split: Split = "train"
    size: Sequence[int] = ()
    skip_invalid: bool = False
    data_spec: DataSpec | None = None


@dataclass(frozen=True, kw_only=True)
class Issue:
    """A problem with data: a fault, with which a sample cannot be used, or else a warning.

    `code` names the kind in a word or two ("no-partner"), `what` the problem of these `files`, `hint` what to do.
    """

    code: str
    what: str
    hint: str = ""
    files: "Sequence[Path]" = ()
    is_fault: bool = True


@dataclass(frozen=True, kw_only=True)
class DatasetDescription:
    """What a data set says about itself: a run prints it before it starts, `imtrans data check` reports it.

    `layout`: how the pairs were found. `sides`: what source and target are called where they are stored. `splits` gives
    by name what each split holds, in words; it is called when that is shown, since it may read every folder; nothing:
    the lengths are shown. `notes`: lines to heed. `issues`: what was left out of the samples
    (`DatasetContext.skip_invalid`). `is_undivided`: there is no place for validation, and every split holds all
    samples; runs then hold some out of training, by the keys of the samples. `contents`: how many files of which
    channels and depth source and target have, and what they are read as. `doubts`: what a look at some pictures of all
    splits speaks against; it is called before a run starts, which stops if one of them is a fault, and shows the
    others. It takes a second or two at most, and gives the same each time. `group_of` gives by the key of a sample that
    of its group, of which none is held out of training alone: slices of one stack look alike.
    """

    layout: str = ""
    sides: tuple[str, str] = ("", "")
    splits: Callable[[], Mapping[str, str]] = dict
    notes: Sequence[str] = ()
    issues: Sequence[Issue] = ()
    is_undivided: bool = False
    contents: tuple[str, str] = ("", "")
    doubts: Callable[[], Sequence[Issue]] = tuple
    group_of: Callable[[str], str] = str

    def reversed(self) -> "DatasetDescription":
        """The same with source and target exchanged."""
        return replace(self, sides=self.sides[::-1], contents=self.contents[::-1])

    @property
    def mixtures(self) -> dict[str, str]:
        """The contents of "source" and "target" by name, where their files are not all alike or need a word."""
        sides = zip(("source", "target"), self.contents, strict=True)
        return {side: text for side, text in sides if ", " in text or ";" in text}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One validation picture before, after and as it should be: uint8 (H, W, 3), ready to be shown.

    `scores` are the metrics of this picture alone, those that give one number a picture. `is_worst`: it is not one of
    the fixed pictures, but was among the worst of all at this evaluation, by the first of its scores.
    """

    key: str
    source: "np.ndarray[Any, Any]"
    prediction: "np.ndarray[Any, Any]"
    target: "np.ndarray[Any, Any] | None" = None
    scores: Mapping[str, float] = field(default_factory=dict)
    is_worst: bool = False


@dataclass(frozen=True, kw_only=True)
class Run:
    """What observers know of a run: its folder, configuration and length, and facts worth showing.

    A resumed run begins at the step `start`. `numbers` are those of its metrics, and whether higher is better; `pairs`
    is how many it is trained on.
    """

    folder: "Path"
    config: "RunConfig"
    steps: int
    start: int = 0
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    is_quiet: bool = False
    numbers: Mapping[str, bool] = field(default_factory=dict)
    pairs: int = 0


class ImportedNetwork(NamedTuple):
    """A network from a file of weights: the component that it is, and its weights under that component's names."""

    use: ComponentRef
    weights: Mapping[str, "Tensor"]


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an importer makes of files of weights: a recipe, what fills its slots, and the channels of either side.

    A slot that is left out keeps what the recipe says, freshly initialised. `inference` holds values for the keys of
    that section, `notes` lines for people.
    """

    recipe: str
    parts: Mapping[str, ImportedNetwork]
    source: int
    target: int
    inference: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ExportGraph:
    """A trained model as one module, pre- and postprocessing included, and what an exporter must know to write it.

    `module` takes the tensors of `inputs`, here examples, by these names, and returns one for each of `outputs`. The
    first axis of all of them is the batch; axes 1 and 2 of `picture` and of the outputs, height and width, are any
    multiples of `stride`. `program()` is the module by torch.export, with these sizes dynamic. `metadata` is to be
    stored in the file. `dtype` is one that the exporter declares; for "fp16" the networks in the module compute in it.
    `page()` gives what a page about the model shows (`imtrans.kit.model_page.model_info`); with `is_offline` nothing
    may be fetched.
    """

    module: "nn.Module"
    inputs: Mapping[str, "Tensor"]
    outputs: Sequence[str]
    stride: int
    program: "Callable[[], ExportedProgram]"
    metadata: Mapping[str, Any]
    dtype: str = "fp32"
    page: "Callable[[], Mapping[str, Any]] | None" = None
    is_offline: bool = False


# Runs an exported file: named arrays in, named arrays out.
ExportRunner = Callable[[Mapping[str, "np.ndarray[Any, Any]"]], Mapping[str, "np.ndarray[Any, Any]"]]


class Dataset(Protocol):
    """A split of a data set. `imtrans.kit.bases.BaseDataset` has all members but `data_spec`, length and pairs."""

    data_spec: DataSpec

    # Read-only here, so that a data set may have it as an attribute, a property or, in the case of `collate`, a method.
    @property
    def description(self) -> DatasetDescription:
        """What runs and `imtrans data check` report about the data set."""
        ...

    @property
    def collate(self) -> Callable[[Sequence[Pair]], Pair] | None:
        """Makes one Pair, arrays (B, *spatial, C), of the pairs of a batch; None: pairs of equal size are stacked."""
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Pair: ...
    def key(self, index: int) -> str:
        """The name of a sample, found without reading it; it stays the same whatever other samples are added."""
        ...

    def files(self, index: int) -> Sequence["Path"]:
        """The files behind a sample, named when it is at fault; none for a generated one."""
        ...

    def labels(self, index: int) -> "Path | None":
        """The file of a sample's exact class numbers, for metrics that need them; None where there is none."""
        ...

    def check(self, index: int, pair: Pair) -> Iterable[Issue]:
        """What the data set itself has to report about a sample, as stored, in `imtrans data check`."""
        ...


class Augmentation(Protocol):
    """A random change of a batch, the same for source and target where it moves pixels.

    One that moves pixels and changes no value sets `is_geometric = True`: pictures of 8 bits then come to it as uint8,
    which is faster and gives the same result.
    """

    def __call__(self, batch: Batch) -> Batch: ...
    def input_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """What the loader must deliver so that `size` comes out."""
        ...


class Generator(Protocol):
    """Source (B, C, *spatial) to an image of the same spatial size, in [-1, 1]."""

    def __call__(self, source: "Tensor") -> "Tensor": ...


class Discriminator(Protocol):
    """Classifies an image, (B, C, *spatial), given its source or None."""

    def __call__(self, source: "Tensor | None", image: "Tensor") -> DiscriminatorOutput: ...


class Loss(Protocol):
    """Prediction and target, (B, C, *spatial), to a scalar."""

    def __call__(self, prediction: "Tensor", target: "Tensor") -> "Tensor": ...


class Adversarial(Protocol):
    """The losses of the two players of a GAN, scalars."""

    def discriminator_loss(self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput) -> "Tensor":
        """What the discriminator minimises."""
        ...

    def generator_loss(self, on_fake: DiscriminatorOutput, on_real: DiscriminatorOutput | None = None) -> "Tensor":
        """What the generator minimises."""
        ...


class Penalty(Protocol):
    """A further loss of the discriminator, a scalar of at least 0."""

    def __call__(self, discriminator: Discriminator, batch: Batch, fake: "Tensor") -> "Tensor": ...


class Metric(Protocol):
    """`compute` gives a row for each picture, (B, *S); `aggregate` makes numbers of all rows, (N, *S)."""

    def compute(self, prediction: "Tensor", batch: Batch) -> "Tensor":
        """A row for each picture, (B, *S), which depends on that picture alone."""
        ...

    def aggregate(self, rows: "Tensor") -> Mapping[str, float]:
        """Numbers by name from all rows, (N, *S)."""
        ...


class Method(Protocol):
    """The mathematics of one training step. Its target is called with its filled slots, `policy` if it declares one,
    and its own options as keywords."""

    networks: Mapping[str, "nn.Module"]

    def train_step(self, batch: Batch, update: Update, *, step: int) -> Mapping[str, "Tensor"]:
        """Take one step; returns what to log: detached scalars on the device."""
        ...

    def translate(
        self, source: "Tensor", *, extras: Mapping[str, "Tensor"] | None = None, seed: int | None = None
    ) -> "Tensor":
        """Source (B, C, *spatial) to the translation of the same size; `seed` decides its noise."""
        ...

    @property
    def geometry(self) -> Geometry:
        """The sizes that a trained model takes."""
        ...

    def state_dict(self) -> Mapping[str, Any]:
        """What a checkpoint needs beside the networks: tensors, numbers, text."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        ...


class Importer(Protocol):
    """Recognises other programs' weights by their names and shapes; made from a component of kind "importer"."""

    def __call__(self, files: Mapping[str, Mapping[str, "Tensor"]]) -> Imported | None:
        """What the weights of the files, by the files' names, are; None where they are nothing it knows.

        CheckpointError if it knows them, but some are missing, too many or of a wrong shape.
        """
        ...


class Exporter(Protocol):
    """Writes a trained model as one file for another program; made from a component of kind "exporter"."""

    def export(self, graph: ExportGraph, path: "Path") -> None:
        """Write the file. ConfigError, naming it, for something in the graph that the format cannot say."""
        ...

    def load(self, path: "Path") -> ExportRunner:
        """The file in the program that it is for, as its users have it by default; takes and gives arrays by name."""
        ...

    @property
    def runtime(self) -> str:
        """The program in which `load` runs the file, with its version."""
        ...
