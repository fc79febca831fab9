"""A split of a Hugging Face data set as a table of rows that are read by number."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imtrans.errors import DataError, DownloadError, ImtransError, NotInstalledError, join_names, nearest
from imtrans.interfaces import Split

SPLITS: Mapping[Split, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("validation", "val", "valid", "dev", "test"),
    "test": ("test", "validation", "val", "valid", "dev"),
}
ON_DISK = ("dataset_dict.json", "dataset_info.json")  # what save_to_disk writes into the folder
COMMIT = re.compile(r"@([0-9a-f]{40})/")


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of a split, pictures as the bytes of their files; `split` is its name there, and `splits` are all of
    them with their rows. `version` is the commit on the Hub, or else the fingerprint of the rows."""

    rows: Any
    split: str
    splits: Mapping[str, int]
    version: str


def open_table(name: str, split: Split, *, subset: str, revision: str) -> Table:
    """The table of a split, from the Hub or this machine. Where there is no split but train it is that.

    NotInstalledError without the extra `hf`; DataError for what is no data set; DownloadError where the Hub does not
    answer.
    """
    whole = _loaded(name, subset, revision)
    chosen = next((each for each in SPLITS[split] if each in whole), None) or next(iter(whole))
    rows = whole[chosen]
    return Table(rows=rows, split=chosen, splits={each: len(whole[each]) for each in whole}, version=_version(rows))


def check_columns(table: Table, columns: Mapping[str, str]) -> None:
    """DataError where a column that an option names is not there."""
    known = table.rows.column_names
    for option, column in columns.items():
        if column not in known:
            hint = f"Name it: --dataset 'hf:NAME?{option}=COLUMN'. There are {join_names(known)}."
            raise DataError(f"dataset.{option}: no column {column!r}{nearest(column, known)}", hint=hint)


def with_bytes(table: Any, column: str) -> Any:
    """The rows with the pictures of a column as they are stored: the library would make 8 bits of deep colours."""
    from datasets import Image

    return table.cast_column(column, Image(decode=False)) if isinstance(table.features[column], Image) else table


def _loaded(name: str, subset: str, revision: str) -> Mapping[str, Any]:
    try:
        import datasets
    except ImportError:
        what = "data set 'hf' needs datasets, which is not installed"
        raise NotInstalledError(what, hint='python -m pip install "imtrans[hf]"') from None
    datasets.disable_progress_bars()
    folder = Path(name).expanduser()
    try:
        if any((folder / mark).is_file() for mark in ON_DISK):
            whole = datasets.load_from_disk(str(folder))
        else:
            whole = datasets.load_dataset(
                str(folder) if folder.is_dir() else name, subset or None, revision=revision or None
            )
    except Exception as error:  # noqa: BLE001 - of the library and of those that it calls
        raise _error(name, error) from None
    return whole if isinstance(whole, dict) else {"train": whole}


def _error(name: str, error: Exception) -> ImtransError:
    text = " ".join(str(error).split())[:300] or type(error).__name__
    if isinstance(error, ConnectionError | TimeoutError) or "Offline" in type(error).__name__:
        hint = "Look at the network; a data set that was loaded before is in the library's cache (HF_HOME)."
        return DownloadError(f"hf:{name}: the Hub does not answer ({text})", hint=hint)
    hint = "Give a name on the Hub (user/name), a folder of parquet files, or what save_to_disk wrote."
    return DataError(f"hf:{name}: {text}", hint=hint)


def _version(rows: Any) -> str:
    """The commit that the files of the rows are of, else what the library knows them by."""
    addresses = " ".join(map(str, rows.info.download_checksums or ()))
    commit = COMMIT.search(addresses)
    return commit[1] if commit else str(rows._fingerprint)
