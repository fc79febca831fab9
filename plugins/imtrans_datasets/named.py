"""The paper's data sets, where the user keeps them."""

from functools import partial
from pathlib import Path

from imtrans.errors import DataError
from imtrans.interfaces import Context
from imtrans.kit.cache import home
from imtrans_datasets import NamedOptions
from imtrans_datasets.folder import FolderOfPairs
from imtrans_datasets.layout import find


def named(name: str, options: NamedOptions, context: Context) -> FolderOfPairs:
    """The set `name` from ROOT/name/{train,val,test}; DataError says where to put the files if they are not there."""
    root = Path(options.root).expanduser() if options.root else home() / "datasets"
    if not (root / name).is_dir():
        raise DataError(
            f"data set {name!r}: {root / name} is not there",
            mend=f"Put its pictures into {root / name}/train and {root / name}/val, or say where: --data-root DIR",
        )
    return FolderOfPairs(find(root / name, context.split))


facades = partial(named, "facades")
cityscapes = partial(named, "cityscapes")
maps = partial(named, "maps")
