"""The data sets that have names, where the user keeps them or the cache does."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from imtrans.errors import DataError
from imtrans.interfaces import Context, Dataset, Split
from imtrans.kit.dataset_paths import folder_of, labels_of, manual_instructions, present
from imtrans_datasets.cifar import Cifar10
from imtrans_datasets.components_named import PAIRS, PHOTOS, CifarOptions, NamedOptions
from imtrans_datasets.folder import FolderOfPairs
from imtrans_datasets.layout import find
from imtrans_datasets.photos import PhotoSet, first_and_rest

SHARE = 0.8  # of the COCO photos, in the order of their names, are trained on: the project's own split


class NamedPairs(FolderOfPairs):
    """Pairs as in a folder. `labels(index)` is the file of the exact class numbers, full size, where there is one."""

    def labels(self, index: int) -> Path | None:
        """The file of the exact class numbers of a sample, where there is one."""
        return labels_of(self.files(index)[0])


def _pairs(folder: Path, split: Split, skip_invalid: bool) -> NamedPairs:
    return NamedPairs(find(folder, split, skip_invalid=skip_invalid), skip_invalid=skip_invalid)


def _coco(folder: Path, split: Split, skip_invalid: bool) -> PhotoSet:
    return PhotoSet(first_and_rest(folder / "train_sample", split, share=SHARE, skip_invalid=skip_invalid))


def _named(read: Callable[[Path, Split, bool], Dataset], name: str, options: NamedOptions, context: Context) -> Dataset:
    """The set `name` from ROOT/name, else from the cache; DataError says how to get it there."""
    folder = present(name, options.root)
    if folder is None:
        looked = f"{Path(options.root).expanduser() / name} and {folder_of(name)} are" if options.root else ""
        archive = next(info.archive for n, _, info in (*PAIRS, *PHOTOS) if n == name)
        places = archive.split_globs if archive else {}
        raise DataError(
            f"data set {name!r}: {looked or f'{folder_of(name)} is'} not there",
            hint=f"Fetch it: imtrans data fetch {name}\n{manual_instructions(name, options.root, places=places)}",
        )
    return read(folder, context.split, context.skip_invalid)


facades = partial(_named, _pairs, "facades")
cityscapes = partial(_named, _pairs, "cityscapes")
maps = partial(_named, _pairs, "maps")
edges2shoes = partial(_named, _pairs, "edges2shoes")
edges2handbags = partial(_named, _pairs, "edges2handbags")
night2day = partial(_named, _pairs, "night2day")
anime = partial(_named, _pairs, "anime")
coco_sample = partial(_named, _coco, "coco-sample")


def cifar10(options: CifarOptions, context: Context) -> Dataset:
    """The photos of CIFAR-10."""

    def read(folder: Path, split: Split, skip_invalid: bool) -> Cifar10:  # noqa: ARG001 - a batch is whole or refused
        return Cifar10(folder, split, pictures=options.pictures, held=options.held)

    return _named(read, "cifar10", options, context)
