"""What a run says about itself before it starts."""

from pathlib import Path
from typing import Any

from imtrans.config import RunConfig
from imtrans.engine.build import Model
from imtrans.engine.data import Loading


def facts(live: Model, training: Loading, validation: Loading) -> dict[str, Any]:
    """What is said at the start of a run, and kept in its report."""
    config = live.config
    counts = {n: sum(p.numel() for p in m.parameters() if p.requires_grad) for n, m in live.networks.items()}
    notes = list(getattr(training.source.dataset, "notes", ()))
    files = training.source.dataset.files(0)
    return {
        "data set": f"{config.dataset.name}: {len(training.source.dataset):,} training pairs, "
        f"{len(validation.source.dataset):,} for validation; source and target as {config.direction}",
        **({"first pair": ", ".join(map(str, files))} if files else {}),
        **({"notes": "; ".join(notes)} if notes else {}),
        "parameters": ", ".join(f"{n} {c:,}" for n, c in counts.items()),
        "device": str(live.device),
    }


def dataset_name(config: RunConfig) -> str:
    """The data set's name, for a folder that of the folder."""
    path = getattr(config.dataset.options, "path", None)
    return Path(path).resolve().name if config.dataset.name == "folder" and path else config.dataset.name
