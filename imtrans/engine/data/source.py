"""A split of a data set that can be rebuilt in another process, and what stands around it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imtrans.config.schema import RunConfig
from imtrans.engine.build import build, options_of
from imtrans.engine.data.subset import Subset
from imtrans.errors import PluginError
from imtrans.interfaces import Context, Dataset, Pair, Split
from imtrans.plugins.component import Component, ComponentRef, Kind


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
            whole = build(self.component, self.options, self._context(self._make))
            is_whole = not self.left_out and not getattr(whole, "issues", ())
            self.built = whole if is_whole else Subset(whole, self.left_out)
        return self.built

    def _context(self, make: Callable[[Kind, ComponentRef], Any]) -> Context:
        return Context(make=make, size=self.size, split=self.split, skip_invalid=self.skip_invalid)

    def _make(self, kind: Kind, use: ComponentRef) -> Any:
        """A data set named in the options, with the sides as it is trained on: its target is the target."""
        component = self.inner.get(use.name)
        if kind != "dataset" or component is None:
            return _no_components(kind, use)
        made = build(component, options_of(component, use), self._context(_no_components))
        return Reversed(made) if component.info.direction == "BtoA" else made

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "built": None}


class Reversed:
    """A data set with its sides changed."""

    def __init__(self, inner: Dataset) -> None:
        self.inner, self.data_spec = inner, inner.data_spec.reversed()
        self.notes = tuple(getattr(inner, "notes", ()))
        self.issues = tuple(getattr(inner, "issues", ()))

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, index: int) -> Pair:
        return self.inner[index].reversed()

    def files(self, index: int) -> Sequence[Path]:
        """The files behind a sample."""
        return self.inner.files(index)


def dataset_source(config: RunConfig, split: Split, size: Sequence[int]) -> DatasetSource:
    """A split of the configured data set, which is told what size the loader will ask for."""
    chosen = config.dataset
    return DatasetSource(
        component=chosen.component,
        options=chosen.options,
        split=split,
        size=tuple(size),
        inner=chosen.inner,
        skip_invalid=config.data.skip_invalid,
    )


def _no_components(kind: Kind, use: ComponentRef) -> Any:
    raise PluginError(
        f"a data set may make no components but the data sets that its options name ({kind} {use.name!r})"
    )
