"""Where the cache keeps named data sets."""

from pathlib import Path

from imtrans.kit.cache import home


def folder_of(name: str) -> Path:
    """The cache's folder for a data set, there or not."""
    return home() / "datasets" / name


def present(name: str, root: str | None = None) -> Path | None:
    """The folder that holds the data set: under `root`, else in the cache, else nowhere."""
    own = [Path(root).expanduser() / name] if root else []
    return next((p for p in (*own, folder_of(name)) if p.is_dir() and any(p.iterdir())), None)


def by_hand(name: str, root: str | None = None) -> str:
    """What to do without a download."""
    folder = Path(root).expanduser() / name if root else folder_of(name)
    return f"Put its pictures into {folder}/train and {folder}/val, or say where: --data-root DIR"
