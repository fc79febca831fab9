"""What a run says about itself before it starts."""

from pathlib import Path
from typing import Any

from imtrans.config.schema import RunConfig
from imtrans.engine.build import Model
from imtrans.engine.data.data_summary import data_summary
from imtrans.engine.data.pair_loader import PairLoader


def run_facts(live: Model, training: PairLoader, validation: PairLoader) -> dict[str, Any]:
    """What is said at the start of a run, and kept in its report."""
    counts = {n: sum(p.numel() for p in m.parameters() if p.requires_grad) for n, m in live.networks.items()}
    return {
        **data_summary(live.config, training, validation),
        "parameters": ", ".join(f"{n} {c:,}" for n, c in counts.items()),
        "device": str(live.device),
    }


def dataset_name(config: RunConfig) -> str:
    """The data set's name; for pairs of one's own that of their folder, or their file."""
    if config.dataset.name != "folder":
        return config.dataset.name
    given = config.dataset.options
    path = getattr(given, "path", "") or getattr(given, "target", "")
    if not path:
        return config.dataset.name
    whole = Path(path).expanduser().resolve()
    return whole.name if whole.is_dir() else whole.stem
