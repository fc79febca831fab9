"""Pictures of two folders that are no pairs."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from imtrans.errors import ConfigError
from imtrans.interfaces import DatasetContext, Issue, Pair
from imtrans_datasets.components_folders import FolderOptions, UnpairedOptions
from imtrans_datasets.folder import Array, FolderOfPairs
from imtrans_datasets.pairing.file_index import Item
from imtrans_datasets.pairing.unpaired import find_two_unpaired, find_unpaired
from imtrans_datasets.stored_values import value_doubts


class UnpairedPictures(FolderOfPairs):
    """Two sides of any numbers of pictures; sample i has number i of either, from the first again where one ends."""

    def check(self, index: int, pair: Pair) -> Iterable[Issue]:  # noqa: ARG002 - the protocol's
        """Nothing: what lies in one sample does not belong together."""
        return ()

    def _doubts(self) -> Iterator[Issue]:
        """What the values of the pictures speak against what they are read as."""
        for place, side, count in zip((0, -1), ("source", "target"), self.description.lengths or (0, 0), strict=True):
            yield from value_doubts(side, getattr(self.data_spec, side), [i.place(place) for i in self.items[:count]])

    def _resized(self, target: Array, source: Array, item: Item) -> Array:  # noqa: ARG002 - that of pairs needs them
        return target


def unpaired(*, context: DatasetContext, **given: Any) -> UnpairedPictures:
    """The data set `unpaired`."""
    options = UnpairedOptions(**given)
    two = [Path(p).expanduser() for p in (options.source, options.target) if p]
    if bool(options.path) == (len(two) == 2) or len(two) == 1:
        hint = "Give --dataset PATH, or --set dataset.source=DIR --set dataset.target=DIR."
        raise ConfigError("data set 'unpaired' needs the path of a folder, or two folders", hint=hint)
    skip = context.skip_invalid
    if two:
        listing = find_two_unpaired(two[0], two[1], context.split, skip_invalid=skip)
    else:
        listing = find_unpaired(Path(options.path).expanduser(), context.split, skip_invalid=skip)
    reading = FolderOptions(
        background=options.background, source_range=options.source_range, target_range=options.target_range
    )
    return UnpairedPictures(listing, reading, size=context.size, skip_invalid=skip, data_spec=context.data_spec)
