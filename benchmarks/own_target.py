"""Are a run's predictions nearer to their own target than to another's?

    python benchmarks/own_target.py RUN

Prints the mean L1 in [-1, 1] of the held pairs against their own targets and against the targets one further on, the
ratio of the two, and the L1 of the mean training picture.
"""

import sys
from pathlib import Path

import torch

from imtrans.engine import build
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.evaluation import scoring
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import discover


def main() -> None:
    catalog = Catalog(discover().records)
    factory = build.ComponentFactory(catalog)
    folder = checkpoint_paths.find(Path(sys.argv[1]))
    model = checkpoints_io.load(folder, catalog=catalog, factory=factory, device=torch.device("cpu"))
    held = open_split(model.config, "val")
    count = len(held.source.dataset)
    pairs = [(scoring.predict(model, b)[0], b.target[0]) for b in scoring.batches(model, held, range(count))]
    own = sum(float((p - t).abs().mean()) for p, t in pairs) / count
    other = sum(float((p - pairs[(i + 1) % count][1]).abs().mean()) for i, (p, _) in enumerate(pairs)) / count
    mean = scoring.mean_target(model, open_split(model.config, "train"))
    plain = sum(float((mean - t).abs().mean()) for _, t in pairs) / count if mean is not None else float("nan")
    print(f"{folder}: {count} pairs, own target {own:.4f}, another's {other:.4f}, ratio {own / other:.3f}")
    print(f"the mean training picture: {plain:.4f}")


if __name__ == "__main__":
    main()
