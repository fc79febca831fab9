"""From a run, or two folders, to an evaluation on the disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from imtrans.catalog import Catalog
from imtrans.engine import assemble, build, facts, runs, scorecard
from imtrans.engine.build import Model
from imtrans.engine.cases import Cases, brought, of_model
from imtrans.engine.data import Loading
from imtrans.engine.evaluate import mean_picture
from imtrans.engine.folders import of_folders as cases_of_folders
from imtrans.engine.judging import Judgement, Tick, judge
from imtrans.engine.protocol import measures
from imtrans.errors import DataError
from imtrans.kit.sheets import Grid
from imtrans.options import values
from imtrans.recipe import EvalProtocol


class Judged(NamedTuple):
    """What was found, about what, the table of all pictures, and the page that shows them."""

    judgement: Judgement
    about: dict[str, Any]
    table: Path
    page: Path | None


def of_run(
    model: Model,
    checkpoint: Path,
    protocol: EvalProtocol,
    *,
    catalog: Catalog,
    base: Path,
    keeps_pictures: bool = False,
    grid: Grid | None = None,
    tick: Tick | None = None,
) -> Judged:
    """Evaluate a loaded checkpoint on the data of its configuration, and write the results below `base`."""
    config = model.config
    loading = assemble.loading(config, protocol.split)
    cases = of_model(model, loading, protocol, stored=_stored(loading, config, protocol))
    about = {
        "judged": f"{checkpoint} on {facts.dataset_name(config)} ({protocol.split})",
        "checkpoint": str(checkpoint),
        "data set": facts.dataset_name(config),
        "direction": config.direction,
        "split": protocol.split,
    }
    return _judged(
        protocol,
        cases,
        catalog=catalog,
        conditions={"split": protocol.split, "inference": values(config.inference)},
        mean=_mean(model, protocol),
        about=about,
        place=(base, checkpoint.name.removesuffix(runs.SUFFIX)),
        keeps_pictures=keeps_pictures,
        grid=grid,
        tick=tick,
    )


def of_folders(
    predictions: Path,
    targets: Path,
    protocol: EvalProtocol,
    *,
    beside: Mapping[str, Path | None],
    catalog: Catalog,
    base: Path,
    keeps_pictures: bool = False,
    grid: Grid | None = None,
    tick: Tick | None = None,
) -> Judged:
    """Evaluate the pictures of a folder against those of another, and write the results below `base`."""
    cases = cases_of_folders(predictions, targets, protocol, beside=beside)
    given = {k: str(v) for k, v in beside.items() if v is not None}
    about = {"judged": f"{predictions} against {targets}", "predictions": str(predictions), "targets": str(targets)}
    return _judged(
        protocol,
        cases,
        catalog=catalog,
        conditions={},
        about={**about, **given},
        place=(base, predictions.resolve().name),
        lacking=[k for k, v in beside.items() if v is None],
        keeps_pictures=keeps_pictures,
        grid=grid,
        tick=tick,
    )


def _judged(
    protocol: EvalProtocol,
    cases: Cases,
    *,
    catalog: Catalog,
    conditions: Mapping[str, Any],
    about: dict[str, Any],
    place: tuple[Path, str],
    lacking: list[str] | None = None,
    mean: torch.Tensor | None = None,
    keeps_pictures: bool,
    grid: Grid | None,
    tick: Tick | None,
) -> Judged:
    base, name = place
    made = measures(protocol, build.Maker(catalog), catalog, signals=cases.signals, lacking=lacking or ())
    album = scorecard.Album(base / f"{name}-pictures", grid=grid) if keeps_pictures else None
    look = album.take if album else None
    judgement = judge(protocol, made, cases, conditions=conditions, mean=mean, tick=tick, look=look)
    table = scorecard.write(base, name, judgement, about=about)
    return Judged(judgement, about, table, album.close(judgement, about=about) if album else None)


def _stored(loading: Loading, config: Any, protocol: EvalProtocol) -> Loading:
    """The same samples as they are stored, where the protocol compares at a size of its own."""
    if not protocol.size:
        return loading
    source = build.dataset(config, protocol.split, ())
    return Loading(source=source, is_reversed=loading.is_reversed, seed=loading.seed)


def _mean(model: Model, protocol: EvalProtocol) -> torch.Tensor | None:
    """The mean training picture as the protocol compares it, (1, C, *spatial); None where there is none."""
    if model.signals.target.kind != "image" or model.signals.target.space:
        return None
    try:
        found = mean_picture(model, assemble.loading(model.config, "train"))
    except DataError:  # whoever has only what is judged may judge
        return None
    size = protocol.size
    return None if found is None else brought(found[None], size, protocol.resize) if size else found[None]
