"""The Cityscapes pairs from the official archives, as the usual preparation makes them, with the exact labels."""

import csv
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imtrans.errors import DataError, join_names
from imtrans.interfaces import Tick
from imtrans.kit.images import decode
from imtrans.net.archive_reader import Member, broken, members
from imtrans.net.io_errors import map_write_errors

Array = np.ndarray[Any, Any]
SIZE = 256
MAX_BYTES = 64 << 20  # of one picture, packed; real ones have 2 to 3 MB
MEMBER = re.compile(
    r"(?:.*/)?(?:leftImg8bit/(?P<split>train|val)/(?P<city>[^/]+)/(?P<frame>[^/]+)_(?P<kind>leftImg8bit)\.png"
    r"|gtFine/(?P<split2>train|val)/(?P<city2>[^/]+)/(?P<frame2>[^/]+)_gtFine_(?P<kind2>color|labelIds)\.png)"
)
KINDS = ("leftImg8bit", "color", "labelIds")


def prepare(archives: Sequence[Path], folder: Path, *, counts: Mapping[str, int], tick: Tick) -> None:
    """Fill `folder` with pairs of 256 x 256 pixels, photo left, colour labels right: train/N.jpg and val/N.jpg.

    Both halves are resized bicubically and saved as JPEG of quality 100, N counting the frames in the order of their
    names from 0, as the preparation script of the PyTorch pix2pix does. labels/val/N.png holds the class numbers
    (gtFine_labelIds) in full size, labels/train/N.png those of every pair at 256 x 256, nearest pixel; names.csv
    says which frame is which. Raises DataError for archives that are broken, not these two, or do not match.
    """
    work = folder / ".work"
    total = 4 * sum(counts.values())
    done = 0
    for archive in archives:
        for member in members(archive, limit_bytes=archive.stat().st_size * 10, limit_members=200_000):
            if _extract(archive, member, work):
                done += 1
                tick(done, total)
    with map_write_errors(folder), (folder / "names.csv").open("w", encoding="utf-8", newline="") as file:
        names = csv.writer(file)
        names.writerow(("split", "number", "frame"))
        for split in counts:
            for number, frame in enumerate(_frames(work, split, archives)):
                _write_pair(work, folder, split, number=number, frame=frame)
                names.writerow((split, number, frame.replace("~", "/")))
                done += 1
                tick(done, total)
    shutil.rmtree(work)


def _extract(archive: Path, member: Member, work: Path) -> bool:
    """Save what a pair needs of a member at its final size; False for a member that no pair needs."""
    match = MEMBER.fullmatch(member.name)
    if match is None or member.is_folder:
        return False
    split, city, frame, kind = (match[key] or match[f"{key}2"] for key in ("split", "city", "frame", "kind"))
    path = work / split / kind / f"{city}~{frame}.png"
    if path.exists():
        raise broken(archive, "is there twice", member=member.name)
    with map_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # `decode` reads files: the member is written out, and removed when its small version is saved.
        whole = path.with_suffix(".whole")
        whole.write_bytes(_bytes(archive, member))
    try:
        if kind == "labelIds":
            _save_labels(whole, path, is_full=split == "val")
        else:
            _save(Image.fromarray(_colour(whole)).resize((SIZE, SIZE), Image.Resampling.BICUBIC), path)
    except DataError as error:
        raise broken(archive, error.what.removeprefix(f"{whole}: "), member=member.name) from None
    whole.unlink(missing_ok=True)
    return True


def _bytes(archive: Path, member: Member) -> bytes:
    data = bytearray()
    for chunk in member.chunks():
        data += chunk
        if len(data) > MAX_BYTES:
            raise broken(archive, f"has more than {MAX_BYTES:,} bytes", member=member.name)
    return bytes(data)


def _colour(path: Path) -> Array:
    picture = decode(path, background=None)  # the usual preparation drops alpha
    if picture.dtype != np.uint8 or picture.shape[-1] != 3:
        raise DataError(f"is {picture.dtype} with {picture.shape[-1]} channels, not 8-bit colour")
    return picture


def _save_labels(whole: Path, path: Path, *, is_full: bool) -> None:
    labels = decode(whole, as_labels=True)
    if labels.dtype != np.uint8 or labels.shape[-1] != 1:
        raise DataError(f"is {labels.dtype} with {labels.shape[-1]} channels, no class numbers")
    if is_full:
        with map_write_errors(path):
            whole.rename(path)
    else:
        _save(Image.fromarray(labels[..., 0]).resize((SIZE, SIZE), Image.Resampling.NEAREST), path)


def _frames(work: Path, split: str, archives: Sequence[Path]) -> list[str]:
    """The frames of a split that all three kinds have, in the order of city and name."""
    frames = {kind: {p.stem for p in (work / split / kind).glob("*.png")} for kind in KINDS}
    every = set().union(*frames.values())
    missing = [f"{frame.split('~')[-1]} ({kind})" for kind in KINDS for frame in every - frames[kind]]
    if missing or not every:
        names = " and ".join(str(p) for p in archives)
        what = (
            f"{len(missing)} pictures are lacking: {join_names(missing, most=2)}" if every else f"no {split} pictures"
        )
        hint = "Give both: --archive leftImg8bit_trainvaltest.zip --archive gtFine_trainvaltest.zip"
        raise DataError(f"{names}: {what}", hint=hint)
    return sorted(every, key=lambda frame: frame.split("~"))


def _write_pair(work: Path, folder: Path, split: str, *, number: int, frame: str) -> None:
    pair = Image.new("RGB", (2 * SIZE, SIZE))
    for left, kind in ((0, "leftImg8bit"), (SIZE, "color")):
        pair.paste(Image.fromarray(decode(work / split / kind / f"{frame}.png")), (left, 0))
    _save(pair, folder / split / f"{number}.jpg")
    labels = folder / "labels" / split / f"{number}.png"
    with map_write_errors(labels):
        labels.parent.mkdir(parents=True, exist_ok=True)
        (work / split / "labelIds" / f"{frame}.png").rename(labels)


def _save(picture: Image.Image, path: Path) -> None:
    """As PNG or, as the usual preparation does, as JPEG of the best quality."""
    with map_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jpg":
            picture.save(path, quality=100, subsampling=0)
        else:
            picture.save(path)
