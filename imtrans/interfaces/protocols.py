"""What a component of each kind is to the engine."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from imtrans.interfaces.data import (
    Batch,
    DatasetDescription,
    DataSpec,
    DiscriminatorOutput,
    Geometry,
    ImageSpec,
    Issue,
    Pair,
)
from imtrans.interfaces.records import (
    ExportGraph,
    ExportRunner,
    Imported,
)

# A plugin's declaration may import this module, and must not import torch.
if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn


Update = Callable[[Mapping[str, "Tensor"]], None]


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
    @property
    def is_drawn(self) -> bool:
        """Whether a sample is another in each epoch, as a window of a large picture: `drawn` is then called to train
        on it, and nothing of it is cached."""
        ...

    def drawn(self, index: int, number: int) -> Pair:
        """A sample whose random part follows from `number` (int64, itself from seed, epoch and index) alone."""
        ...

    def key(self, index: int) -> str:
        """The name of a sample, found without reading it; it stays the same whatever other samples are added."""
        ...

    def files(self, index: int) -> Sequence["Path"]:
        """The files behind a sample, named when it is at fault; none for a generated one."""
        ...

    def stamp(self, index: int) -> str:
        """What the bytes of a sample follow from where no file here tells: an address with its version, as a store
        gives it. Caches, resume and checks take it as they take path, size and time of `files`. "": nothing."""
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


class DiscriminatorAugmentation(Protocol):
    """A random change of what a discriminator sees, real and generated alike, through which gradients flow.

    `imtrans.kit.bases.BaseDiscriminatorAugmentation` has all members but the call. A method calls it through
    `imtrans.kit.training.augmented_discriminator.AugmentedDiscriminator`.
    """

    def copy_for(self, spec: ImageSpec) -> "DiscriminatorAugmentation":
        """One with a state of its own, for a discriminator of such images. ConfigError for images that do not fit."""
        ...

    def __call__(
        self, source: "Tensor | None", image: "Tensor", draws: "Tensor", *, stream: str
    ) -> "tuple[Tensor | None, Tensor]":
        """Source (or None) and image, float (B, C, *spatial) of one size, as the discriminator is to see them.

        Pixels move in both alike, values change in the image alone. What is done to a sample follows from its draw
        (int64 (B,), as in a Batch) and `stream`, which names the discriminator and the pass, and nothing else.
        """
        ...

    def begin(self, step: int) -> None:
        """A step of training begins, in all processes alike; called again for each part of a batch in parts."""
        ...

    def observe(self, on_real: DiscriminatorOutput, *, threshold: float) -> None:
        """The discriminator's output on the real images of its own update; above `threshold` it called them real."""
        ...

    def values(self) -> Mapping[str, float]:
        """Numbers for the log, by name."""
        ...

    def state_dict(self) -> Mapping[str, Any]:
        """What a checkpoint needs: tensors, numbers, text."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        ...


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
    """`compute` gives a row for each picture, (B, *S); `aggregate` makes numbers of all rows, (N, *S).

    One that compares two sets, with rows (B, 2, *S) of the prediction and of the target, may also have
    `aggregate_sets(predictions, targets)`, (N, *S) and (M, *S): of unpaired sides of unequal numbers each picture then
    counts once.
    """

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
