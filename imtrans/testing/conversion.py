"""Checks of importers, exporters and formats of files."""

import contextlib
import functools
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans.errors import CheckpointError
from imtrans.interfaces import DataSpec, ImageSpec, Imported
from imtrans.plugins.component import ComponentRef
from imtrans.testing.contract import catalog, check, component, flat_data, make, require, within_contract
from imtrans.testing.models import model_of, model_with

if TYPE_CHECKING:
    from torch import Tensor

    from imtrans.interfaces import Raster

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


@check
def check_format(name: str, path: Path, *, spec: ImageSpec | None = None, **options: Any) -> None:
    """A format recognises a file, gives its windows, and writes a copy that it reads as the same.

    `spec` is what a model takes and gives; without it, pictures of three channels and 8 bits. The file must have values
    of its type. Also checked: a file of another kind is not recognised.
    """
    wanted, kind = spec or ImageSpec(), make("format", name, **options)
    suffixes = tuple(component("format", name).info.suffixes)
    require(path.name.lower().endswith(suffixes), f"{name}: {path.name} has none of its suffixes: {suffixes}")
    require(kind.recognises(path), f"{name}: does not recognise {path}")
    with tempfile.TemporaryDirectory() as folder, within_contract(name):
        other = Path(folder) / f"other{suffixes[0]}"
        other.write_bytes(b"no such file")
        require(not kind.recognises(other), f"{name}: recognises a file of twelve letters")
        copy = Path(folder) / f"copy{kind.suffix(path)}"
        with contextlib.closing(kind.open(path, wanted)) as raster:
            require(raster.planes >= 1 and min(raster.size) >= 1, f"{name}: has no pixels")
            writer = kind.create(copy, raster, wanted)
            with contextlib.closing(writer):
                for plane in range(raster.planes):
                    _copy(raster, writer, plane, name)
            with contextlib.closing(kind.open(copy, wanted)) as again:
                _check_same(raster, again, name)


def _copy(raster: "Raster", writer: Any, plane: int, name: str) -> None:
    """Write what is read, in four windows, each read by itself and as a part of the whole."""
    height, width = (range(n) for n in raster.size)
    whole = raster.read(height, width, plane=plane)
    shape = (*raster.size, raster.channels)
    require(whole.shape == shape, f"{name}: a window is {whole.shape}, not {shape}")
    for rows, columns in _quarters(raster.size):
        part = raster.read(rows, columns, plane=plane)
        same = whole[rows.start : rows.stop, columns.start : columns.stop]
        # Where a file has no value there may be NaN.
        is_same = part.dtype == whole.dtype and ((part == same) | (part != part)).all()
        require(is_same, f"{name}: a window is no part of the whole")
        valid = raster.valid(rows, columns, plane=plane)
        require(valid is None or valid.shape == part.shape[:2], f"{name}: `valid` has another size than its window")
        writer.write(rows, columns, part, valid=valid, plane=plane)


def _check_same(one: "Raster", two: "Raster", name: str) -> None:
    require((one.size, one.planes) == (two.size, two.planes), f"{name}: a copy has another size")
    height, width = (range(n) for n in one.size)
    for plane in range(one.planes):
        values, again = (each.read(height, width, plane=plane) for each in (one, two))
        valid = one.valid(height, width, plane=plane)
        same = values == again if valid is None else (values == again) | ~valid[..., None]
        require(same.all(), f"{name}: a copy has other values")


def _quarters(size: tuple[int, int]) -> Iterator[tuple[range, range]]:
    middle = [max(1, n // 2) for n in size]
    for rows in (range(middle[0]), range(middle[0], size[0])):
        for columns in (range(middle[1]), range(middle[1], size[1])):
            if len(rows) and len(columns):
                yield rows, columns
