"""Two folders of pictures as what is judged: translations that anybody's program made, beside their targets."""

import dataclasses
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imtrans.engine.evaluation.eval_samples import LABELS, EvalSample, EvalSamples, label_numbers, resize_to
from imtrans.errors import ConfigError, DataError, ShapeError, join_names
from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.kit.formats import SUFFIXES, is_picture
from imtrans.kit.images import to_display, to_range, with_channels
from imtrans.kit.images.decode import decode
from imtrans.plugins.recipe import EvalProtocol

Array = np.ndarray[Any, Any]
HIGHEST = {np.dtype(np.uint8): (255.0, 8), np.dtype(np.uint16): (65535.0, 16)}


def samples_of_folders(
    predictions: Path, targets: Path, protocol: EvalProtocol, *, beside: Mapping[str, Path | None] | None = None
) -> EvalSamples:
    """The pictures of two folders that have the same names, whatever their suffix.

    `beside` may hold folders of what some metrics need: "source" pictures, and "labels" (class numbers). DataError
    names what has no partner.
    """
    wanted = {"targets": targets, **{name: path for name, path in (beside or {}).items() if path is not None}}
    found = {name: _pictures(path) for name, path in {"predictions": predictions, **wanted}.items()}
    for name in wanted:
        found[name] = _partners(found["predictions"], found[name], folders=(predictions, wanted[name]))
    keys = list(found["predictions"])
    spec = _signal(decode(found["targets"][keys[0]]), found["targets"][keys[0]])

    def each() -> Iterator[EvalSample]:
        for key in keys:
            yield _case(key, {name: files[key] for name, files in found.items()}, protocol, spec=spec)

    return EvalSamples(
        count=len(keys),
        data_spec=DataSpec(source=spec, target=spec),
        each=each,
    )


def _case(key: str, files: Mapping[str, Path], protocol: EvalProtocol, *, spec: ImageSpec) -> EvalSample:
    target = _tensor(files["targets"], spec)
    prediction = _tensor(files["predictions"], spec)
    source = _tensor(files["source"], spec) if "source" in files else torch.empty(1, 0, *target.shape[2:])
    made_at, size = tuple(prediction.shape[2:]), tuple(protocol.size) or tuple(target.shape[2:])
    if not protocol.size and made_at != size:
        raise ShapeError(
            f"{files['predictions']}: {made_at[1]} x {made_at[0]} pixels, its target {size[1]} x {size[0]}",
            hint="Say at which size they are to be compared: --size N, or --size HEIGHT,WIDTH",
        )
    how = protocol.resize
    batch = Batch(
        source=resize_to(source, size, "nearest") if source.shape[1] else source,
        target=resize_to(target, size, how),
        keys=[key],
        draws=torch.zeros(1, dtype=torch.int64),
        extras={LABELS: label_numbers(files[LABELS])} if LABELS in files else {},
    )

    def pictures() -> dict[str, Array]:
        told = {"prediction": to_display(prediction[0], spec), "target": to_display(target[0], spec)}
        return {**({"source": to_display(source[0], spec)} if source.shape[1] else {}), **told}

    return EvalSample(
        prediction=resize_to(prediction, size, how),
        batch=batch,
        perfect=resize_to(resize_to(target, made_at, "bilinear"), size, how),
        made_at=made_at,
        pictures=pictures,
    )


def _pictures(folder: Path) -> dict[str, Path]:
    """The picture files below a folder by their names without suffix."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder", hint="Give a folder of pictures, or one run: imtrans evaluate RUN")
    if (folder / "run.json").exists():
        raise ConfigError(
            f"{folder} is a run, not a folder of pictures",
            hint="One run: imtrans evaluate RUN. Several: imtrans compare",
        )
    paths = sorted(Path(place) / name for place, _, names in os.walk(folder) for name in names if is_picture(name))
    if not paths:
        raise DataError(f"0 pictures in {folder}; looked for {' '.join(SUFFIXES)}")
    found: dict[str, Path] = {}
    for path in paths:
        key = path.relative_to(folder).with_suffix("").as_posix()
        if key in found:
            raise DataError(f"{found[key]} and {path} have the same name", hint="Take one of them away.")
        found[key] = path
    return found


def _partners(
    predictions: Mapping[str, Path], others: dict[str, Path], *, folders: tuple[Path, Path]
) -> dict[str, Path]:
    """The other folder's pictures by the names of the predictions; common ends (`_fake_B`, `_real_B`) do not count."""
    if predictions.keys() != others.keys():
        own, other = _ending(list(predictions)), _ending(list(others))
        stems = {key.removesuffix(other): path for key, path in others.items()}
        if {key.removesuffix(own) for key in predictions} == stems.keys():
            return {key: stems[key.removesuffix(own)] for key in predictions}
    for these, those, here, there in (
        (predictions, others, *folders),
        (others, predictions, folders[1], folders[0]),
    ):
        alone = [key for key in these if key not in those]
        if alone:
            raise DataError(
                f"{len(alone)} of {len(these)} pictures in {here} have no partner in {there}: "
                f"{join_names(alone, most=3)}",
                hint="Every picture needs one of the same name: a number over some of them is none of the whole.",
            )
    return others


def _ending(names: list[str]) -> str:
    """What all names end in, from its first `_` or `-` on."""
    same = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*(n[::-1] for n in names), strict=False))
    common = "".join(letters[0] for letters in same)[::-1]
    starts = [i for i in (common.find("_"), common.find("-")) if i >= 0]
    return common[min(starts) :] if starts and len(names) > 1 else ""


def _signal(array: Array, path: Path) -> ImageSpec:
    if array.dtype not in HIGHEST:
        raise DataError(
            f"{path}: values of type {array.dtype} have no known range",
            hint="Give pictures of 8 or 16 bits, or evaluate the run that made them.",
        )
    high, bits = HIGHEST[array.dtype]
    return ImageSpec(channels=array.shape[-1], high=high, bits=bits)


def _tensor(path: Path, spec: ImageSpec) -> Tensor:
    """A picture as (1, C, H, W) in [-1, 1], with the channels of the targets."""
    array = with_channels(decode(path), spec.channels, name=str(path))
    own = _signal(array, path)
    stored = array.astype(np.int32) if array.dtype == np.uint16 else array
    tensor = torch.from_numpy(np.ascontiguousarray(stored)).movedim(-1, 0)[None]
    return to_range(tensor, dataclasses.replace(spec, high=own.high))
