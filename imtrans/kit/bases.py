"""Base classes for plugin authors: what most components of a kind leave as it is. Deriving from them is optional."""

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from imtrans.interfaces import (
    Dataset,
    DatasetDescription,
    DataSpec,
    DiscriminatorOutput,
    Geometry,
    ImageSpec,
    Issue,
    Pair,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

Collate = Callable[[Sequence[Pair]], Pair]


class BaseMethod:
    """A method whose only state is in its networks. A subclass adds `networks`, `train_step` and `translate`."""

    networks: Mapping[str, "nn.Module"]
    policy: Any = None

    @property
    def geometry(self) -> Geometry:
        """Multiples of every `stride` that a network declares, a number or one for each axis."""
        return Geometry(stride=_common_stride([getattr(n, "stride", 1) for n in self.networks.values()]))

    def state_dict(self) -> dict[str, Any]:
        """Nothing beside the networks."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to take."""


def _common_stride(strides: Sequence[int | Sequence[int]]) -> int | tuple[int, ...]:
    axes = max((len(stride) for stride in strides if isinstance(stride, Sequence)), default=0)
    every = [stride if isinstance(stride, Sequence) else (int(stride),) * max(axes, 1) for stride in strides]
    common = tuple(math.lcm(*of_axis) for of_axis in zip(*every, strict=True))
    return common if axes else common[0]


class GeneratorMethod(BaseMethod):
    """A method whose `generator` alone translates. A subclass adds `generator`, `networks` and `train_step`."""

    generator: "nn.Module"

    def translate(
        self,
        source: "Tensor",
        *,
        extras: Mapping[str, "Tensor"] | None = None,  # noqa: ARG002 - the protocol's
        seed: int | None = None,  # noqa: ARG002 - dropout is the only noise; the engine seeds it
    ) -> "Tensor":
        """(B, C, H, W) in [-1, 1] to the same of the target."""
        translated: Tensor = self.generator(source)
        return translated


class BaseAugmentation:
    """An augmentation that keeps the size. A subclass adds `__call__`."""

    is_geometric = False

    def input_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The size that the loader must deliver: the same."""
        return size


class BaseDiscriminatorAugmentation:
    """An augmentation of what a discriminator sees, without a state, for all images. A subclass adds `__call__`."""

    def copy_for(self, spec: ImageSpec) -> Self:  # noqa: ARG002 - the protocol's
        """A copy with a state of its own."""
        return copy.deepcopy(self)

    def begin(self, step: int) -> None:
        """Nothing changes from step to step."""

    def observe(self, on_real: DiscriminatorOutput, *, threshold: float) -> None:
        """Nothing follows from the discriminator's output."""

    def values(self) -> dict[str, float]:
        """Nothing to log."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to take."""


class BaseMetric:
    """A metric whose numbers are means over all images. A subclass adds `compute` and `names`.

    `names`: one for rows (B,), else one for each column of rows (B, len(names)).
    """

    names: Sequence[str]

    def aggregate(self, rows: "Tensor") -> dict[str, float]:
        """The mean of each column by its name, summed in float64."""
        # In float32 the mean over a large test set would lose digits.
        means = rows.double().mean(0).reshape(-1).tolist()
        return dict(zip(self.names, means, strict=True))


class BaseDataset:
    """A data set without files that says nothing about itself. A subclass adds `data_spec`, `__len__`, `__getitem__`.

    What it has to say it sets as `self.description`. It may override every other member, `collate` by a method.
    """

    data_spec: DataSpec
    # Shared by all instances, which is safe because it is frozen.
    description: DatasetDescription = DatasetDescription()
    collate: Collate | None = None
    is_drawn = False
    # Whether samples may differ with the size that the loader asks for; if not, one data set serves for several sizes.
    depends_on_size = True

    def drawn(self, index: int, number: int) -> Pair:  # noqa: ARG002 - nothing is drawn
        """The sample as it is."""
        return self[index]

    if TYPE_CHECKING:  # a subclass has it

        def __getitem__(self, index: int) -> Pair: ...

    def key(self, index: int) -> str:
        """Its index: for samples that have no better name."""
        return str(index)

    def files(self, index: int) -> Sequence[Path]:  # noqa: ARG002 - the protocol's
        """No files."""
        return ()

    def stamp(self, index: int) -> str:  # noqa: ARG002 - the protocol's
        """Nothing beside its files."""
        return ""

    def labels(self, index: int) -> Path | None:  # noqa: ARG002 - the protocol's
        """No exact class numbers."""
        return None

    def check(self, index: int, pair: Pair) -> Iterable[Issue]:  # noqa: ARG002 - the protocol's
        """Nothing to report."""
        return ()


class DatasetWrapper:
    """A data set around another: every member is that of `inner`. A subclass overrides what it changes.

    It does not derive from BaseDataset: a member that is missing here is an error, not a default.
    """

    def __init__(self, inner: Dataset) -> None:
        self.inner, self.data_spec, self.description = inner, inner.data_spec, inner.description
        self.collate, self.is_drawn = inner.collate, inner.is_drawn
        self.depends_on_size: bool = getattr(inner, "depends_on_size", True)

    def changed(self, pair: Pair) -> Pair:
        """What becomes of a sample of `inner`: it stays as it is."""
        return pair

    def inner_index(self, index: int) -> int:
        """The number in `inner` of a sample of this data set."""
        return index

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, index: int) -> Pair:
        return self.changed(self.inner[self.inner_index(index)])

    def drawn(self, index: int, number: int) -> Pair:
        """A sample as it is drawn by a number."""
        return self.changed(self.inner.drawn(self.inner_index(index), number))

    def key(self, index: int) -> str:
        """The name of a sample."""
        return self.inner.key(self.inner_index(index))

    def files(self, index: int) -> Sequence[Path]:
        """The files behind a sample."""
        return self.inner.files(self.inner_index(index))

    def stamp(self, index: int) -> str:
        """What its bytes follow from where no file here tells."""
        return self.inner.stamp(self.inner_index(index))

    def labels(self, index: int) -> Path | None:
        """The file of a sample's exact class numbers."""
        return self.inner.labels(self.inner_index(index))

    def check(self, index: int, pair: Pair) -> Iterable[Issue]:
        """What the data set itself reports about a sample."""
        return self.inner.check(self.inner_index(index), pair)


class Subset(DatasetWrapper):
    """The samples of a data set with these indices, in their order; `note` says why the others are missing."""

    def __init__(self, inner: Dataset, indices: Sequence[int], *, note: str = "") -> None:
        super().__init__(inner)
        self.indices = indices
        notes = (*inner.description.notes, *([note] if note else []))
        self.description = replace(inner.description, notes=notes, lengths=None)

    def __len__(self) -> int:
        return len(self.indices)

    def inner_index(self, index: int) -> int:
        """The number of a sample in the whole data set."""
        return self.indices[index]
