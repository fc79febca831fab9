"""The data sets that have names, where the user keeps them or the cache does."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from imtrans.errors import DataError
from imtrans.interfaces import Dataset, DatasetContext
from imtrans.kit.dataset_paths import folder_of, labels_of, manual_instructions, present
from imtrans_datasets.cifar import Cifar10
from imtrans_datasets.components_named import PAIRS, PHOTOS, UNPAIRED
from imtrans_datasets.folder import FolderOfPairs
from imtrans_datasets.pairing.layout import find
from imtrans_datasets.pairing.unpaired import find_unpaired
from imtrans_datasets.photos import PhotoSet, first_and_rest
from imtrans_datasets.unpaired import UnpairedPictures

SHARE = 0.8  # of the COCO photos, in the order of their names, are trained on: the project's own split


class NamedPairs(FolderOfPairs):
    """Pairs as in a folder. `labels(index)` is the file of the exact class numbers, full size, where there is one."""

    def labels(self, index: int) -> Path | None:
        """The file of the exact class numbers of a sample, where there is one."""
        return labels_of(self.files(index)[0])


def _pairs(folder: Path, context: DatasetContext) -> NamedPairs:
    skip = context.skip_invalid
    listing = find(folder, context.split, skip_invalid=skip)
    return NamedPairs(listing, skip_invalid=skip, data_spec=context.data_spec)


def _two_kinds(folder: Path, context: DatasetContext) -> UnpairedPictures:
    skip = context.skip_invalid
    listing = find_unpaired(folder, context.split, skip_invalid=skip)
    return UnpairedPictures(listing, size=context.size, skip_invalid=skip, data_spec=context.data_spec)


def _coco(folder: Path, context: DatasetContext) -> PhotoSet:
    photos = folder / "train_sample"
    return PhotoSet(first_and_rest(photos, context.split, share=SHARE, skip_invalid=context.skip_invalid))


def _named(
    read: Callable[[Path, DatasetContext], Dataset], name: str, /, *, root: str | None, context: DatasetContext
) -> Dataset:
    """The set `name` from ROOT/name, else from the cache; DataError says how to get it there."""
    folder = present(name, root)
    if folder is None:
        looked = f"{Path(root).expanduser() / name} and {folder_of(name)} are" if root else ""
        archive = next(info.archive for n, _, info in (*PAIRS, *UNPAIRED, *PHOTOS) if n == name)
        unusual = {name: name for name in archive.counts if name.endswith("A") or name.endswith("B")} if archive else {}
        places = {**unusual, **archive.split_globs} if archive else {}
        raise DataError(
            f"data set {name!r}: {looked or f'{folder_of(name)} is'} not there",
            hint=f"Fetch it: imtrans data fetch {name}\n{manual_instructions(name, root, places=places)}",
        )
    return read(folder, context)


facades = partial(_named, _pairs, "facades")
cityscapes = partial(_named, _pairs, "cityscapes")
maps = partial(_named, _pairs, "maps")
edges2shoes = partial(_named, _pairs, "edges2shoes")
edges2handbags = partial(_named, _pairs, "edges2handbags")
night2day = partial(_named, _pairs, "night2day")
anime = partial(_named, _pairs, "anime")
horse2zebra = partial(_named, _two_kinds, "horse2zebra")
monet2photo = partial(_named, _two_kinds, "monet2photo")
summer2winter = partial(_named, _two_kinds, "summer2winter")
apple2orange = partial(_named, _two_kinds, "apple2orange")
# The halves of other pictures: the loader takes the other side from another sample where data are not paired.
cityscapes_unpaired = partial(_named, _pairs, "cityscapes-unpaired")
coco_sample = partial(_named, _coco, "coco-sample")


def cifar10(*, pictures: int, held: int, root: str | None, context: DatasetContext) -> Dataset:
    """The photos of CIFAR-10."""

    def read(folder: Path, context: DatasetContext) -> Cifar10:
        return Cifar10(folder, context.split, pictures=pictures, held=held)

    return _named(read, "cifar10", root=root, context=context)
