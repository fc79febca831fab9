"""How large the training sources are as stored: the scale at which a model knows its subject."""

import statistics
from collections.abc import Sequence

from imtrans.engine.data.pair_loader import PairLoader
from imtrans.errors import DataError
from imtrans.interfaces import Dataset, StoredSizes
from imtrans.kit.images import Array
from imtrans.kit.images.header_cache import headers
from imtrans.kit.selection import spread

MOST_READ = 8  # samples that are decoded where the headers of files do not tell the size of samples

Size = tuple[int, int]


def stored_sizes(loading: PairLoader) -> StoredSizes | None:
    """The sizes of the sources of a split; None where its samples are not pictures or are never resized.

    They are those of all files, by their headers, where a sample is a file or half of one, and else those of some
    samples.
    """
    first = _source(loading, 0)
    # What is drawn is cut from files, not resized.
    if first is None or first.ndim != 3 or not loading.size or loading.source.dataset.is_drawn:
        return None
    wanted, shape = (loading.size[0], loading.size[-1]), (first.shape[0], first.shape[1])
    sizes = _by_headers(loading.source.dataset, shape, wanted) or _by_samples(loading)
    return StoredSizes(
        median=(_median(sizes, 0), _median(sizes, 1)),
        low=(min(h for h, _ in sizes), min(w for _, w in sizes)),
        high=(max(h for h, _ in sizes), max(w for _, w in sizes)),
    )


def _by_headers(dataset: Dataset, shape: Size, wanted: Size) -> list[Size]:
    """The sizes of all samples, if the size of the first one follows from its file; else nothing."""
    files = [dataset.files(index) for index in range(len(dataset))]
    if not all(files):
        return []
    heads = headers([str(paths[0]) for paths in files])
    sizes = [(head.height, head.width) for head in heads if head]
    if not sizes or heads[0] is None:
        return []
    height, width = sizes[0]
    if (height, width // 2) == shape and dataset.data_spec.half_aspect is not None:
        return [(h, w // 2) for h, w in sizes]
    # A data set may resize its files itself to the size that it is asked for.
    return sizes if shape in ((height, width), wanted) else []


def _by_samples(loading: PairLoader) -> list[Size]:
    chosen = spread(len(loading.source.dataset), MOST_READ)
    arrays = [array for array in (_source(loading, index) for index in chosen) if array is not None]
    return [(array.shape[0], array.shape[1]) for array in arrays]


def _source(loading: PairLoader, index: int) -> Array | None:
    try:
        pair = loading.source.dataset[index]
    except DataError:  # the loader says so, or skips it, when the sample's turn comes
        return None
    return pair.target if loading.is_reversed else pair.source


def _median(sizes: Sequence[Size], axis: int) -> int:
    return round(statistics.median(size[axis] for size in sizes))
