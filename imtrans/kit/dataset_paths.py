"""Where the cache keeps named data sets."""

from collections.abc import Mapping
from pathlib import Path

from imtrans.net.cache_dir import cache_dir


def folder_of(name: str) -> Path:
    """The cache's folder for a data set, there or not."""
    return cache_dir() / "datasets" / name


def present(name: str, root: str | None = None) -> Path | None:
    """The folder that holds the data set: under `root`, else in the cache, else nowhere."""
    own = [Path(root).expanduser() / name] if root else []
    return next((p for p in (*own, folder_of(name)) if p.is_dir() and any(p.iterdir())), None)


def manual_instructions(name: str, root: str | None = None, *, places: Mapping[str, str] | None = None) -> str:
    """What to do without a download; `places` are the folders or files of each split where they have other names."""
    folder = Path(root).expanduser() / name if root else folder_of(name)
    if places:
        return f"Put its {' and '.join(places.values())} into {folder}, or say where: --data-root DIR (DIR/{name})"
    return f"Put its pictures into {folder}/train and {folder}/val, or say where: --data-root DIR"


def labels_of(picture: Path) -> Path | None:
    """The exact class numbers beside a picture of a set, where there are: SET/val/7.jpg has SET/labels/val/7.png."""
    path = picture.parents[1] / "labels" / picture.parent.name / f"{picture.stem}.png"
    return path if path.is_file() else None
