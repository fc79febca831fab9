"""The folders of named data sets, in the cache or under --data-root."""

from collections.abc import Mapping
from pathlib import Path

from imtrans.net.cache_dir import cache_dir


def folder_of(name: str) -> Path:
    """The folder of a data set in the cache; it need not exist."""
    return cache_dir() / "datasets" / name


def present(name: str, root: str | None = None) -> Path | None:
    """The folder that holds the data set: under `root`, else in the cache; None if it is in neither."""
    candidates = [*([Path(root).expanduser() / name] if root else []), folder_of(name)]
    # An empty folder is a mount point or an interrupted copy, not a data set.
    return next((p for p in candidates if p.is_dir() and any(p.iterdir())), None)


def manual_instructions(name: str, root: str | None = None, *, places: Mapping[str, str] | None = None) -> str:
    """How to provide the data set without a download; `places`: the folders or files of its splits, if not usual."""
    folder = Path(root).expanduser() / name if root else folder_of(name)
    if places:
        return f"Put its {' and '.join(places.values())} into {folder}, or say where: --data-root DIR (DIR/{name})"
    return f"Put its pictures into {folder}/train and {folder}/val, or say where: --data-root DIR"


def labels_of(picture: Path) -> Path | None:
    """The label map of a picture, None if there is none: that of SET/val/7.jpg is SET/labels/val/7.png."""
    path = picture.parents[1] / "labels" / picture.parent.name / f"{picture.stem}.png"
    return path if path.is_file() else None
