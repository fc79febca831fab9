"""What a run prints about its data before it starts: the layout, which side is the source, the first pairs."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.config.schema import RunConfig
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.errors import ImtransError, printable
from imtrans.interfaces import ImageSpec

SHOWN = 3
BITS = {"uint8": "8 bits", "uint16": "16 bits", "float32": "float"}


def data_summary(config: RunConfig, training: PairLoader, validation: PairLoader) -> dict[str, str]:
    """Lines by name: the layout that was found, the sides, the splits, the first three pairs, and what to heed."""
    dataset, folder = training.source.dataset, _common_folder(training)
    description = dataset.description
    layout = "; ".join(part for part in (str(folder or ""), description.layout) if part)
    facts = {"data set": f"{config.dataset.name}{f': {layout}' if layout else ''}"}
    sides = _as_trained(description.sides, training)
    contents = _as_trained(config.dataset.component.info.sides, training)
    facts["direction"] = _direction(config, sides, contents)
    lengths = {"train": f"{len(dataset):,}", "val": f"{len(validation.source.dataset):,}"}
    facts["splits"] = ", ".join(f"{split} {count}" for split, count in (description.splits() or lengths).items())
    # Files that are all alike are described with the first pairs.
    as_trained = description.reversed() if training.is_reversed else description
    facts |= {f"{side} files": text for side, text in as_trained.mixtures.items()}
    name = "pair" if training.source.is_paired else "pictures"
    for number in range(min(SHOWN, len(dataset))):
        facts[f"{name} {number + 1}"] = _pair(training, number, folder=folder, sides=sides)
    notes = [*description.notes, *_enlarged(training, config.data.size)]
    notes += [f"{doubt.what}. {doubt.hint}" for doubt in description.doubts() if not doubt.is_fault]
    notes += [note for note in validation.source.dataset.description.notes if note not in notes]
    facts |= {("note" if i == 0 else f"note {i + 1}"): note for i, note in enumerate(notes)}
    return {name: printable(fact) for name, fact in facts.items()}


def _as_trained(sides: Sequence[str], training: PairLoader) -> Sequence[str]:
    """The names of source and target as the network gets them."""
    return sides[::-1] if training.is_reversed else sides


def _direction(config: RunConfig, places: Sequence[str], contents: Sequence[str]) -> str:
    """From what to what, and where that lies in the files."""
    names = [
        f"{what} ({where})" if what and where else what or where for where, what in zip(places, contents, strict=True)
    ]
    return f"from {names[0]} to {names[1]} (data.direction={config.direction})" if all(names) else config.direction


def _pair(training: PairLoader, index: int, *, folder: Path | None, sides: Sequence[str]) -> str:
    """The files of a pair, or its key, with size, channels and depth of both sides as the network gets them."""
    dataset = training.source.dataset
    try:
        pair, files = dataset[index], [*dataset.files(index)]
    except ImtransError as error:
        return error.what
    if training.is_reversed:
        pair, files = pair.reversed(), files[::-1]
    names = [os.path.relpath(file, folder) if folder else str(file) for file in files]
    source, target = _kind(pair.source, training.data_spec.source), _kind(pair.target, training.data_spec.target)
    target = "the same" if source == target else target
    if len(names) > 1:  # what lies between, as an instance map, belongs to one of them
        return f"{names[0]}: {source}; {names[-1]}: {target}"
    first, second = sides if all(sides) else ("source", "target")
    return f"{names[0] if names else pair.key}: {first} {source}; {second} {target}"


def _kind(array: "np.ndarray[Any, Any]", spec: ImageSpec) -> str:
    size = " x ".join(str(n) for n in (array.shape[1::-1] if array.ndim == 3 else array.shape[:-1]))
    if spec.kind == "labels":
        return f"{size}, labels of {spec.classes} classes" + (" with instance maps" if spec.instances else "")
    channels = array.shape[-1]
    return f"{size}, {channels} channel{'s' * (channels != 1)}, {BITS.get(str(array.dtype), str(array.dtype))}"


def _enlarged(training: PairLoader, size: Sequence[int]) -> Iterator[str]:
    """A note where the first pair must be enlarged, which is allowed but seldom intended."""
    # Only the first pair: reading all would delay the start by minutes.
    first = training.source.dataset[0]
    spatial = first.source.shape[:-1]
    if size and len(spatial) == 2 and (spatial[0] < size[0] or spatial[1] < size[-1]):
        sizes = f"{spatial[1]} x {spatial[0]}, smaller than data.size, {size[-1]} x {size[0]}"
        yield f"the first pair is {sizes}: pictures are enlarged"


def _common_folder(training: PairLoader) -> Path | None:
    """The folder that holds the files of the first pairs and the last; relative where that is shorter."""
    dataset = training.source.dataset
    # Without the last it would be the first of several folders, such as one for each class.
    indices = sorted({*range(min(SHOWN, len(dataset))), len(dataset) - 1})
    files = [os.path.abspath(f) for i in indices for f in dataset.files(i)]
    if not files:
        return None
    folder = os.path.commonpath([os.path.dirname(file) for file in files])
    short = os.path.relpath(folder)
    return Path(folder if short == "." or short.startswith("..") else short)
