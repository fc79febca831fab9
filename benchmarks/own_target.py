"""Are a run's predictions nearer to their own target than to another's?

    python benchmarks/own_target.py RUN

Prints the mean L1 in [-1, 1] of the held pairs against their own targets and against the targets one further on, the
ratio of the two, and the L1 of the mean training picture.
"""

import sys
from pathlib import Path

import torch

from imtrans.catalog import Catalog
from imtrans.engine import assemble, build, checkpoint, evaluate, runs
from imtrans.plugins import discover


def main() -> None:
    catalog = Catalog(discover().records)
    maker = build.Maker(catalog)
    folder = runs.find(Path(sys.argv[1]))
    model = checkpoint.load(folder, catalog=catalog, maker=maker, device=torch.device("cpu"))
    held = assemble.loading(model.config, "val")
    count = len(held.source.dataset)
    pairs = [(evaluate.predict(model, b)[0], b.target[0]) for b in evaluate.batches(model, held, range(count))]
    own = sum(float((p - t).abs().mean()) for p, t in pairs) / count
    other = sum(float((p - pairs[(i + 1) % count][1]).abs().mean()) for i, (p, _) in enumerate(pairs)) / count
    mean = evaluate.mean_picture(model, assemble.loading(model.config, "train"))
    plain = sum(float((mean - t).abs().mean()) for _, t in pairs) / count if mean is not None else float("nan")
    print(f"{folder}: {count} pairs, own target {own:.4f}, another's {other:.4f}, ratio {own / other:.3f}")
    print(f"the mean training picture: {plain:.4f}")


if __name__ == "__main__":
    main()
