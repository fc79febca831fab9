"""The Python interface for users: load a trained model."""

from pathlib import Path
from typing import TYPE_CHECKING

from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import Plugins, discover

if TYPE_CHECKING:
    from imtrans.engine.inference.translator import Translator


def load(run: str | Path, *, device: str = "auto", plugins: Plugins | None = None) -> "Translator":
    """The newest checkpoint of a run folder (or one checkpoint folder, or a model's file), ready to translate.

    `plugins` are discovered unless given. Raises CheckpointError if there is no checkpoint, it is broken, or a plugin
    that it needs is missing.
    """
    # Here, not above: `import imtrans.api` must not import torch.
    from imtrans.engine import build
    from imtrans.engine import device as devices
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.checkpoints import io as checkpoints_io
    from imtrans.engine.inference.translator import Translator

    catalog = Catalog((plugins or discover()).records)
    checkpoint = checkpoint_paths.find(Path(run))
    model = checkpoints_io.load(
        checkpoint, catalog=catalog, factory=build.ComponentFactory(catalog), device=devices.choose(device)
    )
    return Translator(model)
