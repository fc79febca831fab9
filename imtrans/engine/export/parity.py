"""Whether an exported file does what its model does: the largest difference, on pictures, in the file's own runtime."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from imtrans.engine.build import Model
from imtrans.engine.export.pictures import Pictures, as_source
from imtrans.engine.inference.forward import as_stored, inference_mode, translate
from imtrans.interfaces import ExportGraph, ExportRunner
from imtrans.kit.images import Array

NO_DROPOUT = -1  # the seed that drops nothing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parity:
    """How far a file is from its model.

    `largest` and `mean` are absolute differences of the network's values in [-1, 1] (of scores of classes: as shares of
    the largest score). `stored` is the largest difference of stored values, of class numbers the share of pixels that
    differ, `share` that of values that differ at all. `in_batch`: of two pictures together from each alone. `noise`:
    from the same explicit noise in torch, and `between_seeds` the mean between two seeds; None without dropout.
    """

    largest: float
    mean: float
    stored: float
    share: float
    in_batch: float
    noise: float | None = None
    between_seeds: float | None = None

    def faults(self, bound: float) -> list[str]:
        """What is wrong with the file; nothing where it is within the bound."""
        named = {"the model": self.largest, "pictures one by one": self.in_batch, "the same noise in torch": self.noise}
        # Written so that NaN is a fault.
        faults = [f"{n:.3g} from {name}" for name, n in named.items() if n is not None and not n <= bound]
        return faults + ([] if self.between_seeds is None or self.between_seeds > 0 else ["two seeds give one picture"])


def parity(model: Model, graph: ExportGraph, run: ExportRunner, pictures: Pictures) -> Parity:
    """Compare a file with the model as it translates, with dropout off in both, and its dropout with torch's."""
    still = _without_dropout(model)
    differences = [_difference(still, run(_inputs(graph, [p], [NO_DROPOUT])), p) for p in pictures.arrays]
    largest, means, stored, shares = (np.array(column) for column in zip(*differences, strict=True))
    noise, between = _noise(graph, run, pictures.arrays[0]) if "seed" in graph.inputs else (None, None)
    return Parity(
        largest=float(largest.max()),  # NaN stays NaN
        mean=float(means.mean()),
        stored=float(stored.max()),
        share=float(shares.mean()),
        in_batch=_in_batch(graph, run, pictures.arrays),
        noise=noise,
        between_seeds=between,
    )


def _inputs(graph: ExportGraph, pictures: Sequence[Array], seeds: Sequence[int]) -> dict[str, Array]:
    arrays = {"picture": np.stack(pictures), "seed": np.array(seeds, np.int32)}
    return {name: arrays[name] for name in graph.inputs}


def _difference(model: Model, outputs: Mapping[str, Array], picture: Array) -> tuple[float, float, float, float]:
    spec = model.data_spec
    source = as_source(picture, spec.source).to(model.device)
    with inference_mode(model, seed=0):
        translated = translate(model, source)
    values, stored = translated[0].float().cpu().movedim(0, -1).numpy(), as_stored(translated[0], source[0], spec)
    far = np.abs(outputs["values"][0] - values) / (
        max(1.0, float(np.abs(values).max())) if spec.target.kind == "labels" else 1.0
    )
    differs = outputs["translation"][0].astype(np.float64) - stored
    share = float((differs != 0).mean())
    return float(far.max()), float(far.mean()), share if spec.target.kind == "labels" else np.abs(differs).max(), share


def _noise(graph: ExportGraph, run: ExportRunner, picture: Array) -> tuple[float, float]:
    one, other = (run(_inputs(graph, [picture], [seed]))["values"] for seed in (1, 2))
    with torch.no_grad():
        inputs = {name: torch.from_numpy(array) for name, array in _inputs(graph, [picture], [1]).items()}
        wanted = graph.module(**inputs)[1].numpy()
    return float(np.abs(one - wanted).max()), float(np.abs(one - other).mean())


def _in_batch(graph: ExportGraph, run: ExportRunner, pictures: Sequence[Array]) -> float:
    """The largest difference of two pictures of one size, translated together, from each alone."""
    same = [p for p in pictures if p.shape == pictures[0].shape]
    two, seeds = [same[0], same[-1]], [3, 4]
    together = run(_inputs(graph, two, seeds))["values"]
    alone = [run(_inputs(graph, [p], [seed]))["values"][0] for p, seed in zip(two, seeds, strict=True)]
    return float(np.abs(together - np.stack(alone)).max())


def _without_dropout(model: Model) -> Model:
    policy = model.config.inference
    if not getattr(policy, "dropout", False):
        return model
    config = dataclasses.replace(model.config, inference=dataclasses.replace(policy, dropout=False))
    return dataclasses.replace(model, config=config)
