"""What components are given and give: contexts, runs, imported networks, graphs to export."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from imtrans.interfaces.data import DataSpec, Split
from imtrans.plugins.component import ComponentRef, Kind

# A plugin's declaration may import this module, and must not import torch.
if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor, nn
    from torch.export import ExportedProgram

    from imtrans.config.schema import RunConfig

Tick = Callable[[int, int], None]  # (done, count): how long work reports its progress
# Runs an exported file: named arrays in, named arrays out.
ExportRunner = Callable[[Mapping[str, "np.ndarray[Any, Any]"]], Mapping[str, "np.ndarray[Any, Any]"]]


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a target that is declared with `needs_context` gets as the keyword `context` beside its options.

    `make(kind, ref)` builds another component by name, with the same context. `data_spec` is the data as this slot sees
    it, `size` the training crop. `weights_follow`: the weights of what is built are replaced at once by those of a
    checkpoint, or it is never called (a loss of a model that only translates): pretrained weights are neither read nor
    downloaded.
    """

    make: Callable[[Kind, ComponentRef], Any]
    data_spec: DataSpec = field(default_factory=DataSpec)
    size: Sequence[int] = ()
    weights_follow: bool = False


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
class Sample:
    """One validation picture before, after and as it should be: uint8 (H, W, 3), ready to be shown.

    `scores` are the metrics of this picture alone, those that give one number a picture. `is_worst`: it is not one of
    the fixed pictures, but was among the worst of all at this evaluation, by the first of its scores. `others` are
    more pictures by name: of a model that translates both ways the "cycle" (the prediction translated back), the way
    "back" (the target translated to the source's kind), and the "back cycle".
    """

    key: str
    source: "np.ndarray[Any, Any]"
    prediction: "np.ndarray[Any, Any]"
    target: "np.ndarray[Any, Any] | None" = None
    scores: Mapping[str, float] = field(default_factory=dict)
    is_worst: bool = False
    others: "Mapping[str, np.ndarray[Any, Any]]" = field(default_factory=dict)

    @property
    def panels(self) -> "list[np.ndarray[Any, Any]]":
        """Its pictures in the order in which they are shown."""
        three = (self.source, self.prediction, self.target)
        return [*(p for p in three if p is not None), *self.others.values()]


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

    A slot that is left out keeps what the recipe says, freshly initialised; where that is the generator of the way
    back, the run translates one way alone. `inference` holds values for the keys of that section, `settings` for any
    others, as {"identity.weight": 0}; `notes` are lines for people.
    """

    recipe: str
    parts: Mapping[str, ImportedNetwork]
    source: int
    target: int
    inference: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
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
