"""The paper's data sets, where the user keeps them or the cache does."""

from functools import partial
from pathlib import Path

from imtrans.errors import DataError
from imtrans.interfaces import Context
from imtrans.kit.shelf import by_hand, folder_of, present
from imtrans_datasets import NamedOptions
from imtrans_datasets.folder import FolderOfPairs
from imtrans_datasets.layout import find


def named(name: str, options: NamedOptions, context: Context) -> FolderOfPairs:
    """The set `name` from ROOT/name/{train,val,test}, else from the cache; DataError says how to get it there."""
    folder = present(name, options.root)
    if folder is None:
        looked = f"{Path(options.root).expanduser() / name} and {folder_of(name)} are" if options.root else ""
        raise DataError(
            f"data set {name!r}: {looked or f'{folder_of(name)} is'} not there",
            mend=f"Fetch it: imtrans data fetch {name}\n{by_hand(name, options.root)}",
        )
    return FolderOfPairs(find(folder, context.split))


facades = partial(named, "facades")
cityscapes = partial(named, "cityscapes")
maps = partial(named, "maps")
edges2shoes = partial(named, "edges2shoes")
edges2handbags = partial(named, "edges2handbags")
night2day = partial(named, "night2day")
