"""Checks of data sets."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans.interfaces import Dataset, DatasetDescription, DataSpec, ImageSpec, Issue, Pair, Split
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.options import specs, values
from imtrans.testing.contract import catalog, check, require, within_contract

if TYPE_CHECKING:
    import numpy as np

    from imtrans.engine.data.source import DatasetSource

SAMPLES = 4  # of each split are read
KEYS = 5000  # of each split are compared


@check
def check_dataset(name: str, *, size: Sequence[int] = (64,), **options: Any) -> None:
    """A data set gives pairs as its `data_spec` says, in the same order each time, for every split.

    Also checked: types, channels, ranges and classes of both sides and of the declared extras (planes: an axis of
    channels at the end, and the size of the source), unique keys, that it can be made again in another process, and
    that no file of validation is trained on.
    """
    from imtrans.engine.data.splits.held_out import check_disjoint

    sources = {split: _source(name, split, size=size, options=options) for split in ("train", "val", "test")}
    for split, source in sources.items():
        where = f"{name}, split {split}"
        require(len(source.dataset) > 0, f"{name}: no pairs in {split}")
        _check_order(source, where)
        for index in range(min(SAMPLES, len(source.dataset))):
            _check_pair(source.dataset, index, where)
        _check_reports(source.dataset, name)
    specs_of = {str(source.dataset.data_spec) for source in sources.values()}
    require(len(specs_of) == 1, f"{name}: its splits differ in their data_spec")
    with within_contract(name):
        check_disjoint(sources["train"].dataset, sources["val"].dataset)


def _source(name: str, split: Split, *, size: Sequence[int], options: Mapping[str, Any]) -> "DatasetSource":
    from imtrans.config.schema import ResolvedComponent
    from imtrans.engine.data.source import DatasetSource
    from imtrans.plugins.component_options import options_of

    offered = catalog()
    component = offered.component("dataset", name)
    chosen = options_of(component, ComponentRef(name, options))
    inner = offered.named_sets(specs(component.options).values(), values(chosen))
    resolved = ResolvedComponent(component=component, name=name, options=chosen, inner=inner)
    return DatasetSource(resolved=resolved, split=split, size=tuple(size))


def _check_order(source: "DatasetSource", where: str) -> None:
    """Keys are unique; a sample is the same however often, in whatever order and in which process it is read."""
    dataset = source.dataset
    keys = [dataset.key(index) for index in range(min(KEYS, len(dataset)))]
    require(all(isinstance(key, str) and key for key in keys), f"{where}: a key must be a text")
    twice = next((key for key in keys if keys.count(key) > 1), None) if len(set(keys)) < len(keys) else None
    require(twice is None, f"{where}: two samples have the key {twice!r}")
    again: Dataset = pickle.loads(pickle.dumps(source)).dataset  # what a loading process gets
    require(len(again) == len(dataset), f"{where}: made again it has {len(again)} samples, not {len(dataset)}")
    for index in dict.fromkeys((len(keys) - 1, 0, len(keys) // 2)):
        pair = dataset[index]
        differing = f"{where}: sample {index} has the key {pair.key!r}, key() says {keys[index]!r}"
        require(pair.key == keys[index], differing)
        require(again.key(index) == keys[index], f"{where}: made again it has another order")
        for other in (dataset[index], again[index]):
            require(_same(pair, other), f"{where}: pair {index} differs from one reading to the next")


def _same(one: Pair, other: Pair) -> bool:
    import numpy as np

    arrays, others = ({"source": p.source, "target": p.target, **p.extras} for p in (one, other))
    return arrays.keys() == others.keys() and all(np.array_equal(arrays[k], others[k]) for k in arrays)


def _check_pair(dataset: Dataset, index: int, where: str) -> None:
    import numpy as np

    pair, spec = dataset[index], dataset.data_spec
    require(isinstance(pair, Pair), f"{where}: gave {type(pair).__name__}, not a Pair")
    require(isinstance(spec, DataSpec), f"{where}: data_spec must be a DataSpec")
    for side in ("source", "target"):
        _check_array(getattr(pair, side), getattr(spec, side), f"{where}: {side} of {pair.key!r}")
    differing = sorted(set(pair.extras) ^ set(spec.extras))
    require(not differing, f"{where}: {differing} is in the extras of {pair.key!r} or of data_spec, not in both")
    for key, array in pair.extras.items():
        what = f"{where}: the extra {key!r} of {pair.key!r}"
        require(isinstance(array, np.ndarray), f"{what} is {type(array).__name__}, not an array")
        size, wanted = array.shape[:-1], pair.source.shape[:-1]
        require(size == wanted, f"{what} is {array.shape}: an extra is planes, (*spatial, C) of the source's {wanted}")
        _check_array(array, spec.extras[key], what)


def _check_array(array: "np.ndarray[Any, Any]", spec: ImageSpec, what: str) -> None:
    import numpy as np

    require(isinstance(array, np.ndarray), f"{what} is {type(array).__name__}, not an array")
    require(array.ndim >= 3, f"{what} is {array.shape}, not (*spatial, C)")
    shape, count = array.shape, spec.channels
    require(shape[-1] == count, f"{what} is {shape}, its data_spec has {count} channels")
    fits = array.dtype in (np.uint8, np.uint16, np.int16, np.int32, np.int64, np.float32, np.float16, np.bool_)
    require(fits, f"{what} is {array.dtype}: give 8 or 16 bits, int32, int64 or float32")
    require(np.isfinite(array).all(), f"{what} has values that are not finite")
    if spec.kind == "labels":
        _check_labels(array, spec, what)
    elif not spec.clips:
        low, high = float(array.min()), float(array.max())
        within = spec.low <= low and high <= spec.high
        require(within, f"{what} has {low:g} to {high:g}, its data_spec {spec.low:g} to {spec.high:g}")


def _check_labels(array: "np.ndarray[Any, Any]", spec: ImageSpec, what: str) -> None:
    import numpy as np

    require(array.dtype.kind in "iub", f"{what} are labels of {array.dtype}, not whole numbers")
    allowed = [*range(spec.classes or 0), *([] if spec.void is None else [spec.void])]
    others = sorted(set(np.unique(array[..., :1] if spec.instances else array).tolist()) - set(allowed))
    require(not others, f"{what} has the labels {others[:3]}; there are {spec.classes} classes")


def _check_reports(dataset: Dataset, name: str) -> None:
    description, label_file = dataset.description, dataset.labels(0)
    require(isinstance(description, DatasetDescription), f"{name}: description must be a DatasetDescription")
    require(isinstance(description.splits(), Mapping), f"{name}: description.splits() must give texts by split")
    require(all(isinstance(file, Path) for file in dataset.files(0)), f"{name}: files() must give paths")
    missing = next((file for file in dataset.files(0) if not file.exists()), None)
    require(missing is None, f"{name}: files() names {missing}, which is not there")
    require(label_file is None or isinstance(label_file, Path), f"{name}: labels() must give a path or None")
    issues = [*description.issues, *description.doubts(), *dataset.check(0, dataset[0])]
    require(all(isinstance(issue, Issue) for issue in issues), f"{name}: issues and check() must give Issues")
    require(dataset.collate is None or callable(dataset.collate), f"{name}: collate must be a function or None")
