"""Two folders of pictures as what is evaluated: predictions that any program made, beside their targets."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imtrans.engine.evaluation.eval_samples import LABELS, EvalSample, EvalSamples, label_numbers, resize_to
from imtrans.engine.evaluation.label_folders import check_pictures, read_encodings
from imtrans.errors import ConfigError, DataError, ShapeError, join_names
from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.kit.formats import SUFFIXES
from imtrans.kit.images import Array, to_display, to_range, with_channels
from imtrans.kit.images.conform import FLOAT, decode_with_bits, white
from imtrans.kit.images.survey import Survey
from imtrans.kit.picture_files import find_pictures
from imtrans.plugins.recipe import EvalProtocol


def samples_of_folders(
    predictions: Path,
    targets: Path,
    protocol: EvalProtocol,
    *,
    beside: Mapping[str, Path | None] | None = None,
    as_labels: bool = False,
    void: int | None = None,
    hint: str = "",
) -> EvalSamples:
    """The pictures of two folders that have the same names, whatever their suffix.

    `beside` may hold folders of what some metrics need: "source" pictures, and "labels" (class numbers). With
    `as_labels` both are read as class numbers, of which `void` is left out. DataError names what has no partner, and,
    with this `hint`, label maps that are not to be compared as pictures.
    """
    folders = {"targets": targets, **{name: path for name, path in (beside or {}).items() if path is not None}}
    files = {name: _pictures(path) for name, path in {"predictions": predictions, **folders}.items()}
    for name, folder in folders.items():
        files[name] = _partners(files["predictions"], files[name], folders=(predictions, folder))
    label_folders = read_encodings(files, void=void) if as_labels else None
    spec = label_folders.spec if label_folders else _spec(files["targets"], "target")
    source = _spec(files["source"], "source") if "source" in files and label_folders else spec

    def read(name: str, path: Path) -> Tensor:
        return label_folders.read(name, path) if label_folders and name != "source" else _tensor(path, source)

    def each() -> Iterator[EvalSample]:
        for key in files["predictions"]:
            paths = {name: paths[key] for name, paths in files.items()}
            if not label_folders:
                check_pictures(paths["predictions"], paths["targets"], hint=hint)
            yield _eval_sample(key, paths, protocol, data_spec=DataSpec(source=source, target=spec), read=read)

    return EvalSamples(
        count=len(files["predictions"]),
        data_spec=DataSpec(source=source, target=spec),
        each=each,
        notes=[label_folders.note] if label_folders else [],
    )


def _eval_sample(
    key: str,
    files: Mapping[str, Path],
    protocol: EvalProtocol,
    *,
    data_spec: DataSpec,
    read: Callable[[str, Path], Tensor],
) -> EvalSample:
    target, prediction = (read(name, files[name]) for name in ("targets", "predictions"))
    # No channels where there is no source: metrics that need one are left out before.
    source = read("source", files["source"]) if "source" in files else torch.empty(1, 0, *target.shape[2:])
    predicted_size, size = tuple(prediction.shape[2:]), tuple(protocol.size) or tuple(target.shape[2:])
    if not protocol.size and predicted_size != size:
        raise ShapeError(
            f"{files['predictions']}: {predicted_size[1]} x {predicted_size[0]} pixels, "
            f"its target {size[1]} x {size[0]}",
            hint="Say at which size they are to be compared: --size N, or --size HEIGHT,WIDTH",
        )
    how, spec = protocol.resize, data_spec.target
    batch = Batch(
        source=resize_to(source, size, "nearest") if source.shape[1] else source,
        target=resize_to(target, size, how, spec=spec),
        keys=[key],
        draws=torch.zeros(1, dtype=torch.int64),
        extras={LABELS: label_numbers(files[LABELS])} if LABELS in files else {},
    )

    def pictures() -> dict[str, Array]:
        sides = {"source": (source, data_spec.source), "prediction": (prediction, spec), "target": (target, spec)}
        return {name: to_display(image[0], spec) for name, (image, spec) in sides.items() if image.shape[1]}

    return EvalSample(
        prediction=resize_to(prediction, size, how, spec=spec),
        batch=batch,
        # What a prediction of this size can be at best: the target at that size, resized as the prediction is.
        upper_bound=resize_to(resize_to(target, predicted_size, "bilinear", spec=spec), size, how, spec=spec),
        predicted_size=predicted_size,
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
    found = find_pictures(folder)
    if not found.names:
        raise DataError(f"0 pictures in {folder}{found.rest_text()}", hint=f"Looked for {' '.join(SUFFIXES)}.")
    by_key: dict[str, Path] = {}
    for path in (folder / name for name in found.names):
        key = path.relative_to(folder).with_suffix("").as_posix()
        if key in by_key:
            raise DataError(f"{by_key[key]} and {path} have the same name", hint="Take one of them away.")
        by_key[key] = path
    return by_key


def _partners(
    predictions: Mapping[str, Path], others: dict[str, Path], *, folders: tuple[Path, Path]
) -> dict[str, Path]:
    """The other folder's pictures by the names of the predictions; common ends (`_fake_B`, `_real_B`) do not count."""
    if predictions.keys() != others.keys():
        # pix2pix's own test script names its files NAME_fake_B.png and NAME_real_B.png.
        ending, other_ending = _common_ending(list(predictions)), _common_ending(list(others))
        by_stem = {key.removesuffix(other_ending): path for key, path in others.items()}
        if {key.removesuffix(ending) for key in predictions} == by_stem.keys():
            return {key: by_stem[key.removesuffix(ending)] for key in predictions}
    for keys, partners, folder, partner_folder in (
        (predictions, others, *folders),
        (others, predictions, folders[1], folders[0]),
    ):
        without = [key for key in keys if key not in partners]
        if without:
            raise DataError(
                f"{len(without)} of {len(keys)} pictures in {folder} have no partner in {partner_folder}: "
                f"{join_names(without, most=3)}",
                hint="Every picture needs one of the same name: a number over some of them is none of the whole.",
            )
    return others


def _common_ending(names: list[str]) -> str:
    """What all names end in, from its first `_` or `-` on."""
    shared = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*(n[::-1] for n in names), strict=False))
    common = "".join(letters[0] for letters in shared)[::-1]
    starts = [i for i in (common.find("_"), common.find("-")) if i >= 0]
    return common[min(starts) :] if starts and len(names) > 1 else ""


def _spec(files: Mapping[str, Path], side: str) -> ImageSpec:
    """What all pictures of a folder are compared as. DataError for floats, whose range nothing says."""
    survey = Survey.of(side, [str(path) for path in files.values()])
    spec = survey.spec()
    if spec.bits == FLOAT:
        raise _no_range(next(iter(survey.examples.values())))
    return spec


def _no_range(path: object) -> DataError:
    hint = "Give pictures of whole numbers, or evaluate the run that made them."
    return DataError(f"{path}: float values have no known range", hint=hint)


def _tensor(path: Path, spec: ImageSpec) -> Tensor:
    """A picture as (1, C, H, W) in [-1, 1], with the channels and the depth of the targets."""
    array, bits = decode_with_bits(path)
    if bits == FLOAT:
        raise _no_range(path)
    # As floats from 0 to 1: 16 bits beside 8 are not rounded to these.
    scaled = with_channels(array / np.float32(white(bits)), spec.channels, name=str(path))
    tensor = torch.from_numpy(np.ascontiguousarray(scaled)).movedim(-1, 0)[None]
    return to_range(tensor, ImageSpec(low=0.0, high=1.0))
