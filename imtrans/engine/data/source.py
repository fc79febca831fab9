"""A split of a data set that can be rebuilt in another process, and what stands around it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imtrans.config.schema import ResolvedComponent, RunConfig
from imtrans.engine.build import build
from imtrans.engine.data.skipped_samples import Usable
from imtrans.engine.data.splits.folds import Fold, in_fold
from imtrans.engine.data.splits.held_out import divided, read_record
from imtrans.errors import DataError, PluginError
from imtrans.interfaces import Dataset, DatasetContext, DataSpec, ImageSpec, Issue, Pair, Split
from imtrans.kit.bases import Collate, DatasetWrapper
from imtrans.kit.images import Array
from imtrans.kit.images.conform import conform
from imtrans.plugins.component import Component, ComponentRef, Kind
from imtrans.plugins.component_options import options_of
from imtrans.plugins.options import located

# The members of the protocol that a data set of a plugin may lack; looked up once, not at every use.
MEMBERS = ("data_spec", "description", "collate", "key", "files", "stamp", "labels", "check", "is_drawn", "drawn")


@dataclass(kw_only=True)
class DatasetSource:
    """A split of a data set that can be rebuilt in another process: only the recipe for it is pickled.

    It may make the data sets that its options name (`resolved.inner`), and no other components. `left_out` are the
    samples, by their numbers in the split, that are passed over. `run` is the folder of a run, whose record says which
    samples it holds out of training; with a `fold` those are a part of the training samples, and the pictures for
    validation stay unseen. `data_spec` is what the sides, as stored, are read as.
    """

    resolved: ResolvedComponent
    split: Split
    size: Sequence[int] = ()
    skip_invalid: bool = False
    left_out: frozenset[int] = frozenset()
    run: Path | None = None
    fold: Fold | None = None
    data_spec: DataSpec | None = None
    built: Dataset | None = field(default=None, repr=False)

    @property
    def is_paired(self) -> bool:
        """Whether each sample has a target of its own."""
        return bool(self.resolved.component.info.is_paired)

    @property
    def dataset(self) -> Dataset:
        """The data set, built at first use in each process."""
        if self.built is None:
            whole = self._built(self.resolved.component, self.resolved.options, make=self._make)
            if self.data_spec and not self.data_spec.has_sides_of(whole.data_spec):
                whole = Conformed(whole, self.data_spec)
            split = self._split(whole)
            is_whole = not self.left_out and not split.description.issues
            self.built = split if is_whole else Usable(split, self.left_out)
            self.data_spec = whole.data_spec  # for the worker processes, which then need not find it again
        return self.built

    def at_size(self, size: Sequence[int]) -> "DatasetSource":
        """The same split for a loader that asks for another size: opened once, if the data set is the same there."""
        if tuple(size) == tuple(self.size):
            return self
        is_same = self.built is not None and not getattr(self.built, "depends_on_size", True)
        return replace(self, size=size, built=self.built if is_same and self.size and size else None)

    @property
    def _cut(self) -> Split:
        """The split of the data set that its samples are taken from."""
        return "train" if self.fold and self.split == "val" else self.split

    def _split(self, whole: Dataset) -> Dataset:
        recorded = read_record(self.run)
        split = whole
        if whole.description.is_undivided:  # the record of a fold says what is in the fold
            split = divided(whole, self._cut, {} if self.fold else recorded)
        if self.fold is None or self.split == "test":
            return split
        return in_fold(split, self.fold, recorded, is_held_out=self.split == "val")

    @property
    def identity(self) -> tuple[Any, ...]:
        """What decides its samples, beside their files and the code that reads them; its `repr` is always the same."""
        component, inner = self.resolved.component, self.resolved.inner
        names = sorted((name, c.target) for name, c in inner.items())
        options, spec = located(self.resolved.options), self.dataset.data_spec
        split = (self.split, *self.fold) if self.fold else self.split
        return component.name, component.target, options, split, names, spec, *self._tables()

    def _tables(self) -> Iterable[tuple[int, int]]:
        """Size and time of each file that the options name: a changed table can give its files other meanings."""
        for name in self.resolved.component.info.path_options:
            path = Path(getattr(self.resolved.options, name) or ".").expanduser()
            if path.is_file():
                yield path.stat().st_size, path.stat().st_mtime_ns

    def _built(self, component: Component, options: Any, *, make: Callable[[Kind, ComponentRef], Any]) -> Dataset:
        context = DatasetContext(
            make=make,
            split=self._cut,
            size=self.size,
            skip_invalid=self.skip_invalid,
            data_spec=self.data_spec if component is self.resolved.component else None,
        )
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
        component = self.resolved.inner.get(use.name)
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

    def changed(self, pair: Pair) -> Pair:
        """Its sides exchanged."""
        return pair.reversed()

    def check(self, index: int, pair: Pair) -> Iterable[Issue]:
        """What the data set itself reports about a sample; it gets the pair as it stores it."""
        return self.inner.check(index, pair.reversed())


class Conformed(DatasetWrapper):
    """A data set whose pictures are brought to another specification: that of the model which they are for."""

    def __init__(self, inner: Dataset, data_spec: DataSpec) -> None:
        super().__init__(inner)
        for side in ("source", "target"):
            present, wanted = getattr(inner.data_spec, side), getattr(data_spec, side)
            labels = [(s.kind == "labels", s.classes, s.space, s.instances) for s in (present, wanted)]
            if labels[0] != labels[1]:
                raise DataError(
                    f"the {side}s are {_kind(present)}, and the model was trained with {_kind(wanted)}",
                    hint="Give data of the kind that the model was trained with.",
                )
        self.data_spec = replace(data_spec, extras=inner.data_spec.extras)

    def changed(self, pair: Pair) -> Pair:
        """Its sides as the specification says."""
        ours, theirs = self.data_spec, self.inner.data_spec
        return replace(
            pair,
            source=_conformed(pair.source, theirs.source, ours.source, name=pair.key),
            target=_conformed(pair.target, theirs.target, ours.target, name=pair.key),
        )


def dataset_source(
    config: RunConfig,
    split: Split,
    size: Sequence[int],
    *,
    run: Path | None = None,
    data_spec: DataSpec | None = None,
) -> DatasetSource:
    """A split of the configured data set, made for the size that the loader will ask for.

    `run`: the folder of the run whose division of the samples holds. `data_spec`: what the sides, as trained on, are
    read as, where a model says it.
    """
    return DatasetSource(
        resolved=config.dataset,
        split=split,
        size=tuple(size),
        skip_invalid=config.data.skip_invalid,
        run=run,
        fold=Fold(config.data.fold, config.data.folds) if config.data.fold and config.data.folds else None,
        data_spec=data_spec.reversed() if data_spec and config.direction == "BtoA" else data_spec,
    )


def _reversed(collate: Collate) -> Collate:
    return lambda pairs: collate([pair.reversed() for pair in pairs]).reversed()


def _conformed(array: Array, present: ImageSpec, wanted: ImageSpec, *, name: str) -> Array:
    return array if present.kind == "labels" else conform(array, wanted, bits=present.bits, name=name)


def _kind(spec: ImageSpec) -> str:
    if spec.kind == "labels":
        return f"labels of {spec.classes} classes" + (" with instance maps" if spec.instances else "")
    return spec.space or "pictures"


def _no_components(kind: Kind, use: ComponentRef) -> Any:
    raise PluginError(
        f"a data set may make no components but the data sets that its options name ({kind} {use.name!r})"
    )
