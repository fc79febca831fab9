"""A split of a data set that can be rebuilt in another process, and what stands around it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from imtrans.config.schema import RunConfig
from imtrans.engine.build import build, options_of
from imtrans.engine.data.subset import Subset
from imtrans.errors import PluginError
from imtrans.interfaces import Context, Dataset, Issue, Pair, Split
from imtrans.kit.bases import Collate, DatasetWrapper
from imtrans.plugins.component import Component, ComponentRef, Kind

# The members of the protocol that a data set of a plugin may lack; looked up once, not at every use.
MEMBERS = ("data_spec", "description", "collate", "files", "labels", "check")


@dataclass(kw_only=True)
class DatasetSource:
    """A split of a data set that can be rebuilt in another process: only the recipe for it is pickled.

    `inner` holds the data sets that its options name; it may make these, and no other components. `left_out` are the
    samples, by their numbers in the whole, that are passed over.
    """

    component: Component
    options: Any
    split: Split
    size: Sequence[int] = ()
    inner: Mapping[str, Component] = field(default_factory=dict)
    skip_invalid: bool = False
    left_out: frozenset[int] = frozenset()
    built: Dataset | None = field(default=None, repr=False)

    @property
    def is_paired(self) -> bool:
        """Whether each sample has a target of its own."""
        return bool(self.component.info.is_paired)

    @property
    def dataset(self) -> Dataset:
        """The data set, built at first use in each process."""
        if self.built is None:
            whole = self._built(self.component, self.options, make=self._make)
            is_whole = not self.left_out and not whole.description.issues
            self.built = whole if is_whole else Subset(whole, self.left_out)
        return self.built

    def _built(self, component: Component, options: Any, *, make: Callable[[Kind, ComponentRef], Any]) -> Dataset:
        context = Context(make=make, size=self.size, split=self.split, skip_invalid=self.skip_invalid)
        dataset: Dataset = build(component, options, context)
        missing = next((name for name in MEMBERS if not hasattr(dataset, name)), None)
        if missing:
            raise PluginError(
                f"data set {component.name!r}: {component.target} has no {missing!r}",
                hint="Derive it from imtrans.kit.bases.BaseDataset.",
            )
        return dataset

    def _make(self, kind: Kind, use: ComponentRef) -> Any:
        """A data set named in the options, with the sides as it is trained on: its target is the target."""
        component = self.inner.get(use.name)
        if kind != "dataset" or component is None:
            return _no_components(kind, use)
        dataset = self._built(component, options_of(component, use), make=_no_components)
        return Reversed(dataset) if component.info.direction == "BtoA" else dataset

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "built": None}


class Reversed(DatasetWrapper):
    """A data set with its sides exchanged."""

    def __init__(self, inner: Dataset) -> None:
        super().__init__(inner)
        self.data_spec, self.description = inner.data_spec.reversed(), inner.description.reversed()
        self.collate = inner.collate and _reversed(inner.collate)

    def __getitem__(self, index: int) -> Pair:
        return self.inner[index].reversed()

    def check(self, index: int, pair: Pair) -> Iterable[Issue]:
        """What the data set itself reports about a sample; it gets the pair as it stores it."""
        return self.inner.check(index, pair.reversed())


def dataset_source(config: RunConfig, split: Split, size: Sequence[int]) -> DatasetSource:
    """A split of the configured data set, made for the size that the loader will ask for."""
    chosen = config.dataset
    return DatasetSource(
        component=chosen.component,
        options=chosen.options,
        split=split,
        size=tuple(size),
        inner=chosen.inner,
        skip_invalid=config.data.skip_invalid,
    )


def _reversed(collate: Collate) -> Collate:
    return lambda pairs: collate([pair.reversed() for pair in pairs]).reversed()


def _no_components(kind: Kind, use: ComponentRef) -> Any:
    raise PluginError(
        f"a data set may make no components but the data sets that its options name ({kind} {use.name!r})"
    )
