"""The facts of a run before it starts: its data, its networks, its device."""

from pathlib import Path
from typing import Any

from imtrans.config.schema import RunConfig
from imtrans.engine.build import Model
from imtrans.engine.data.data_summary import data_summary
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.speedups import precision, speedups


def run_facts(model: Model, training: PairLoader, validation: PairLoader) -> dict[str, Any]:
    """The facts that observers show at the start of a run and keep in its report."""
    counts = {n: sum(p.numel() for p in m.parameters() if p.requires_grad) for n, m in model.networks.items()}
    return {
        **data_summary(model.config, training, validation),
        "parameters": ", ".join(f"{n} {c:,}" for n, c in counts.items()),
        "device": str(model.device),
        "precision": _precision(model),
        "speedups": ", ".join(speedups(model.config.train, model.device)) or "none",
    }


def _precision(model: Model) -> str:
    asked, used = model.config.train.precision, precision(model.config.train, model.device)
    if asked != "auto":
        return used
    return f"{used} (train.precision=auto; bf16 is faster, and was not seen to train as well)"


def dataset_name(config: RunConfig) -> str:
    """The data set's name; for pairs that are given by a path the name of their folder, or of their file."""
    options = config.dataset.options
    paths = [getattr(options, name) for name in config.dataset.component.info.path_options]
    path = next((Path(p).expanduser().resolve() for p in paths if p), None)
    if path is None:
        return config.dataset.name
    return path.name if path.is_dir() else path.stem
