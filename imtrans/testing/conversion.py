"""Checks of importers and exporters."""

import functools
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans.errors import CheckpointError
from imtrans.interfaces import DataSpec, Imported
from imtrans.plugins.component import ComponentRef
from imtrans.testing.contract import catalog, check, component, flat_data, make, require, within_contract
from imtrans.testing.models import model_of, model_with

if TYPE_CHECKING:
    from torch import Tensor

SMALL = ComponentRef("unet64", {"depth": 3, "width": 4})


@check
def check_importer(name: str, files: "Mapping[str, Mapping[str, Tensor]]", **options: Any) -> None:
    """An importer knows these weights, gives networks that they fit, and knows no others.

    `files` are weights as the other program writes them, by name of the file. Also checked: weights of which one is
    missing or of another shape are refused by a CheckpointError or not known.
    """
    import torch

    importer = make("importer", name, **options)
    for unknown in ({"nonsense.weight": torch.zeros(3)}, {}):
        require(importer({"x": unknown}) is None, f"{name}: says that it knows weights of the names {[*unknown]}")
    imported = importer(files)
    require(isinstance(imported, Imported), f"{name}: gave {type(imported).__name__} for {', '.join(files)}")
    misfits = _misfits(imported, name)
    require(not misfits, f"{name}: {misfits}")
    file, key = max(((f, k) for f in files for k in files[f]), key=lambda at: files[at[0]][at[1]].numel())
    rest = {k: v for k, v in files[file].items() if k != key}
    for what, weights in (("missing", rest), ("of another shape", {**rest, key: torch.zeros(1, 2, 3, 4, 5)})):
        try:
            given = importer({**files, file: weights})
        except CheckpointError:
            continue
        require(given is None or _misfits(given, name), f"{name}: takes {file} although {key} is {what}")


def _misfits(imported: Imported, name: str) -> str:
    """Which weights do not fit their network, in words."""
    uses = {slot: part.use for slot, part in imported.parts.items()}
    policy = {f"inference.{key}": value for key, value in imported.inference.items()}
    with within_contract(name):
        data_spec = flat_data(imported.source, imported.target)
        model = model_of(imported.recipe, {**uses, **policy}, data_spec=data_spec, catalog=catalog())
    for slot, part in imported.parts.items():
        require(slot in model.networks, f"{name}: {slot} is no network of recipe {imported.recipe}")
        state = model.networks[slot].state_dict()
        misfits = sorted(set(state) ^ set(part.weights))
        misfits = misfits or [k for k in state if state[k].shape != part.weights[k].shape]
        if misfits:
            return f"{misfits[:3]} do not fit {slot} {part.use.name}"
    return ""


@check
def check_exporter(
    name: str,
    *,
    dtypes: Iterable[str] | None = None,
    generator: ComponentRef | None = None,
    size: int = 64,
    **options: Any,
) -> None:
    """An exporter writes one file of each type, which gives, in the program it is for, what the model gives.

    The model is the default recipe with this `generator` (none: a small U-Net); its pictures are of several sizes,
    alone and in batches.
    """
    from imtrans.engine.export.files import Exports

    info, offered, chosen = component("exporter", name).info, catalog(), generator or SMALL
    model = model_with("generator", chosen.name, data_spec=DataSpec(), size=size, catalog=offered, **chosen.options)
    exports = Exports(model, catalog=offered, page=functools.partial(_page, model))
    for dtype in dtypes or info.dtypes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model{info.suffix}"
            with within_contract(f"{name}, {dtype}"):
                file = exports.write(ComponentRef(name, options), path, dtype=dtype)
            names = {p.name for p in Path(folder).iterdir()}
            require(names == {path.name, f"{path.name}.json"}, f"{name}, {dtype}: wrote {sorted(names)}, not one file")
            require(file.runtime, f"{name}: `runtime` must name the program that runs the file")


def _page(model: Any, has_noise: bool) -> dict[str, Any]:
    """What a page shows of a model that was never trained."""
    from imtrans.kit.model_page.model_info import model_info

    about: dict[str, Any] = {"name": "the check", "samples": (), "source_half": "left", "facts": {}, "terms": "none"}
    return model_info(data_spec=model.data_spec, size=model.config.data.size, has_noise=has_noise, **about)
