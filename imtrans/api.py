"""What users call from Python."""

from pathlib import Path
from typing import TYPE_CHECKING

from imtrans.catalog import Catalog
from imtrans.plugins import Plugins, discover

if TYPE_CHECKING:
    from imtrans.engine.translate import Translator


def load(run: str | Path, *, device: str = "auto", plugins: Plugins | None = None) -> "Translator":
    """The newest checkpoint of a run folder (or one checkpoint folder, or a model's file), ready to translate.

    Raises CheckpointError if there is none, it is broken, or a plugin that it needs is missing.
    """
    from imtrans.engine import build, checkpoint, runs
    from imtrans.engine import device as devices
    from imtrans.engine.translate import Translator

    catalog = Catalog((plugins or discover()).records)
    found = runs.find(Path(run))
    live = checkpoint.load(found, catalog=catalog, maker=build.Maker(catalog), device=devices.choose(device))
    return Translator(live)
