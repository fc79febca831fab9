"""The report of one sample: its fault, if it has one, and statistics to compare it with the others."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.engine.data.pair_loader import PairLoader
from imtrans.errors import DataError, ImtransError, ShapeError
from imtrans.interfaces import ImageSpec, Issue, Pair
from imtrans.kit.features.shift import Shift, shift_between
from imtrans.kit.formats import is_picture
from imtrans.kit.images import Array, ImageHeader, header
from imtrans.kit.images.image_checks import file_fault

MAX_COLOURS, MAX_TOP = 256, 16
LOSSY = ("JPEG", "WEBP")
HINT = "Fix it, or remove the pair."
TEXTURE = 32  # of 256 differences that must be clear for a picture to have a look of its own
ROWS = 64  # rows of a picture that are enough for its statistics


@dataclass(frozen=True, kw_only=True)
class ImageStats:
    """Statistics of one side of a sample: the sha256 of its pixels, its shape, and the colours of pictures.

    `flat` is the share of pixels that equal their left neighbour, `mean` the mean colour, 0 to 255; `top` the 16
    commonest coarse colours among the flat pixels (4 bits a channel) with their shares; `colours` the exact colours,
    as numbers, where there are at most 256; `look` is a hash of 256 bits, in hexadecimal, that hardly changes when a
    picture is scaled, compressed or brightened (16 x 16 signs of differences), and empty for pictures without texture.
    """

    digest: str
    shape: tuple[int, ...]
    is_constant: bool
    flat: float | None = None
    mean: tuple[float, ...] = ()
    top: Mapping[int, float] = field(default_factory=dict)
    colours: tuple[int, ...] = ()
    look: str = ""


@dataclass(frozen=True, kw_only=True)
class SampleReport:
    """A sample: its files with their formats, modes and orientations, its issues, and statistics of both sides.

    `shift` is that of the target against the source, as stored, where their edges show it.
    """

    key: str
    files: tuple[str, ...]
    issues: tuple[Issue, ...] = ()
    formats: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    orientations: tuple[int, ...] = ()
    source: ImageStats | None = None
    target: ImageStats | None = None
    shift: Shift | None = None

    @property
    def name(self) -> str:
        """Its files, or its key where it has none."""
        return " and ".join(self.files) if self.files else self.key

    @property
    def faults(self) -> list[Issue]:
        """The issues with which the sample cannot be used."""
        return [issue for issue in self.issues if issue.is_fault]

    def tree(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        issues = [{**asdict(f), "files": [str(p) for p in f.files]} for f in self.issues]
        return {**asdict(self), "files": list(self.files), "issues": issues}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> "SampleReport":
        """The report that `tree()` was called on. KeyError, TypeError or ValueError for anything else."""
        issues = tuple(Issue(**{**f, "files": tuple(Path(p) for p in f["files"])}) for f in tree["issues"])
        return cls(
            key=str(tree["key"]),
            files=tuple(tree["files"]),
            issues=issues,
            formats=tuple(tree["formats"]),
            modes=tuple(tree["modes"]),
            orientations=tuple(tree["orientations"]),
            source=_restored_stats(tree["source"]),
            target=_restored_stats(tree["target"]),
            shift=Shift(*map(float, tree["shift"])) if tree["shift"] else None,
        )


def check_sample(loading: PairLoader, index: int) -> SampleReport:
    """Decode one sample and check it: by its data set, by the loader, and by the data set's own `check`."""
    dataset = loading.source.dataset
    files = tuple(dataset.files(index))
    names = tuple(str(f) for f in files)
    try:
        pair = dataset[index]
        loading.checked(pair.reversed() if loading.is_reversed else pair)
    except ImtransError as error:
        return SampleReport(key="", files=names, issues=(_fault(files, error),))
    headers = [head for f in files if (head := _picture_header(f))]
    return SampleReport(
        key=pair.key,
        files=names,
        issues=tuple(dataset.check(index, pair)),
        formats=tuple(h.format for h in headers),
        modes=tuple(h.mode for h in headers),
        orientations=tuple(h.orientation for h in headers),
        # JPEG smears colours: counting the exact ones of a picture that was stored with loss says nothing.
        source=image_stats(pair.source, dataset.data_spec.source, is_exact=not _is_lossy(headers[:1])),
        target=image_stats(pair.target, dataset.data_spec.target, is_exact=not _is_lossy(headers[-1:])),
        shift=_shift(pair) if loading.source.is_paired else None,
    )


def _shift(pair: Pair) -> Shift | None:
    is_picture_of_both = pair.source.ndim == pair.target.ndim == 3
    return shift_between(pair.source, pair.target) if is_picture_of_both else None


def _picture_header(file: Path) -> ImageHeader | None:
    try:
        return header(file) if is_picture(file.name) else None
    except DataError:  # the data set has read it all the same: an array that is no picture
        return None


def image_stats(array: Array, spec: ImageSpec, *, is_exact: bool = True) -> ImageStats:
    """The statistics of one side, (*spatial, C) as stored. Unless it `is_exact` its colours are not counted."""
    whole = np.ascontiguousarray(array)
    stats = ImageStats(digest=digest(whole), shape=whole.shape, is_constant=_is_constant(whole))
    # Labels and volumes have no colours.
    if spec.kind != "image" or whole.ndim != 3 or whole.shape[-1] not in (1, 3) or whole.shape[1] < 2:
        return stats
    rows = whole[:: max(1, len(whole) // ROWS)]
    rows8 = rows if rows.dtype == np.uint8 else (rows.astype(np.float32) * (255 / spec.high)).astype(np.uint8)
    colours = _colours(whole, rows) if is_exact and whole.dtype == np.uint8 else ()
    return replace(_with_colour_stats(stats, rows8), colours=colours, look=_look(rows8))


def digest(array: Array) -> str:
    """The sha256 of an array, its type and its shape, cut to 32 digits."""
    hasher = hashlib.sha256(f"{array.dtype}{array.shape}".encode())
    hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()[:32]


def _is_constant(whole: Array) -> bool:
    pixels = whole.reshape(-1, whole.shape[-1])
    # A few pixels first: nearly every picture is done after them.
    return bool((pixels[:: max(1, len(pixels) // ROWS)] == pixels[0]).all() and (pixels == pixels[0]).all())


def _with_colour_stats(stats: ImageStats, rows: Array) -> ImageStats:
    # Differences of uint8 would wrap around.
    planes = [rows[..., c].astype(np.int16) for c in range(rows.shape[-1])]
    planes *= 3 // len(planes)
    bins = ((planes[0] >> 4) << 8) | ((planes[1] >> 4) << 4) | (planes[2] >> 4)
    is_flat = np.logical_and.reduce([np.abs(np.diff(plane, axis=1)) < 3 for plane in planes])
    counts = np.bincount(bins[:, 1:][is_flat], minlength=4096)
    top = np.argsort(counts)[::-1][:MAX_TOP]
    return replace(
        stats,
        flat=round(float(is_flat.mean()), 4),
        mean=tuple(round(float(plane.mean()), 2) for plane in planes),
        top={int(b): round(float(counts[b] / counts.sum()), 5) for b in top if counts[b]},
    )


def _look(rows: Array) -> str:
    import cv2

    grey = rows.mean(axis=-1, dtype=np.float32)
    small = cv2.resize(grey, (17, 16), interpolation=cv2.INTER_AREA)
    differences = np.diff(small, axis=1)
    # Differences below one level are noise: a plane of one colour would get a random hash.
    is_textured = np.count_nonzero(np.abs(differences) >= 2) >= TEXTURE
    return np.packbits(differences > 1).tobytes().hex() if is_textured else ""


def _colours(whole: Array, rows: Array) -> tuple[int, ...]:
    """The exact colours; none where a few rows hold too many already."""
    for part in (rows, whole):
        wide = np.repeat(part, 3, axis=-1) if part.shape[-1] == 1 else part
        present = np.unique((wide[..., 0].astype(np.int32) << 16) | (wide[..., 1].astype(np.int32) << 8) | wide[..., 2])
        if len(present) > MAX_COLOURS:
            return ()
    return tuple(int(v) for v in present)


def _fault(files: Sequence[Path], error: ImtransError) -> Issue:
    """The fault of the first bad file; if all files are intact, the error of the data set or the loader."""
    broken = next((fault for file in files if (fault := file_fault(file))), None)
    if broken:
        return broken
    code = "shape" if isinstance(error, ShapeError) else "values" if isinstance(error, DataError) else "refused"
    names = ", ".join(map(str, files))
    what = error.what if any(str(f) in error.what for f in files) or not files else f"{names}: {error.what}"
    return Issue(code=code, what=what, hint=error.hint or HINT, files=tuple(files))


def _is_lossy(headers: Sequence[ImageHeader]) -> bool:
    return any(h.format in LOSSY for h in headers)


def _restored_stats(tree: Mapping[str, Any] | None) -> ImageStats | None:
    if tree is None:
        return None
    top = {int(k): float(v) for k, v in tree["top"].items()}
    lists = {k: tuple(tree[k]) for k in ("shape", "mean", "colours")}
    return ImageStats(
        digest=tree["digest"], is_constant=tree["is_constant"], flat=tree["flat"], top=top, look=tree["look"], **lists
    )
