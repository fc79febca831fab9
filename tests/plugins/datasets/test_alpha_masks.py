"""dataset.alpha=mask: what is transparent in either of two pictures is left out."""

import json

import numpy as np
import pytest
import tifffile
from factories import config, job
from PIL import Image, PngImagePlugin

from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.training import trainer
from imtrans.kit.images.masks import MASK, opaque
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_dataset

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(1, 255, (24, 32, 3), dtype=np.uint8)
ALPHA = np.full((24, 32), 255, np.uint8)
ALPHA[:6], ALPHA[6:8, 5:9], ALPHA[20:, 30:] = 0, 254, 1


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "16-bit.png", "16-bit.tif", "palette.png", "one-colour.png"])
def test_what_is_opaque_in_every_format(suffix, tmp_path):
    path, wanted = tmp_path / f"a.{suffix}", ALPHA == 255
    whole = np.dstack([COLOUR, ALPHA])
    deep = np.dstack([COLOUR.astype(np.uint16) * 257, ALPHA.astype(np.uint16) * 257])
    if suffix == "16-bit.png":
        import cv2

        cv2.imwrite(str(path), deep)
    elif suffix.endswith("tif"):
        stored = deep if suffix.startswith("16") else whole
        tifffile.imwrite(path, stored, photometric="rgb", extrasamples=["unassalpha"])
    elif suffix == "palette.png":
        Image.fromarray(whole).quantize(64, method=Image.Quantize.FASTOCTREE).save(path)
        wanted = np.asarray(Image.open(path).convert("RGBA"))[..., 3] == 255
    elif suffix == "one-colour.png":
        Image.fromarray(COLOUR).save(path, transparency=tuple(int(v) for v in COLOUR[3, 4]))
        wanted = (COLOUR[3, 4] != COLOUR).any(2)
    else:
        Image.fromarray(whole).save(path, **({"lossless": True, "exact": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(opaque(path)[..., 0], wanted)
    assert not wanted.all()


def test_a_picture_without_alpha_has_no_mask(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "a.jpg")
    assert opaque(tmp_path / "a.jpg") is None


def written(folder, *, garbage, layout="AB"):
    """Pairs of grey and its negative; left columns of the source and upper rows of the target are transparent."""
    for split, count in (("train", 4), ("val", 2)):
        for number in range(count):
            colour = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
            first, second = np.full((2, 32, 32, 1), 255, np.uint8)
            first[:, : 4 + number], second[:8] = 0, 0
            hidden = np.where(first & second, 255 - colour, np.uint8(garbage))
            sides = [np.concatenate(both, 2) for both in ((colour, first), (hidden, second))]
            if layout == "halves":
                (folder / split).mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.hstack(sides)).save(folder / split / f"{number}.png")
                continue
            for place, picture in zip("AB", sides, strict=True):
                (folder / split / place).mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(folder / split / place / f"{number}.png")
    return ComponentRef(
        "folder", {"path": str(folder), "alpha": "mask", "background": [], "layout": layout_name(layout)}
    )


def layout_name(layout):
    return {"AB": "auto", "halves": "halves"}[layout]


@pytest.mark.parametrize("layout", ["AB", "halves"])
def test_a_pair_has_the_places_where_both_are_opaque(layout, tmp_path):
    chosen = config({"data.size": "32"}, dataset=written(tmp_path / "pairs", garbage=7, layout=layout))
    data = open_split(chosen, "train").source.dataset
    for index in range(4):
        mask = data[index].extras[MASK][..., 0]
        wanted = np.zeros((32, 32), np.uint8)
        wanted[8:, 4 + index :] = 1
        np.testing.assert_array_equal(mask, wanted)
    check_dataset("folder", size=(32,), path=str(tmp_path / "pairs"), alpha="mask", layout=layout_name(layout))


@pytest.mark.parametrize(("layout", "files"), [("AB", 2), ("halves", 1)])
def test_a_file_is_decoded_once(layout, files, tmp_path, monkeypatch):
    data = open_split(config({"data.size": "32"}, dataset=written(tmp_path, garbage=7, layout=layout)), "train")
    dataset, opened, loaded = data.source.dataset, [], PngImagePlugin.PngImageFile.load_end
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_end", lambda image: (opened.append(1), loaded(image))[1])
    assert MASK in dataset[0].extras
    assert len(opened) == files


def test_a_picture_that_is_turned_has_its_mask_turned(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # a quarter turn
    Image.fromarray(np.dstack([COLOUR, ALPHA])).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(opaque(tmp_path / "a.png")[..., 0], np.rot90(ALPHA == 255, -1))


def test_alpha_and_a_folder_of_masks_both_count(tmp_path):
    chosen = written(tmp_path / "pairs", garbage=7)
    for number in range(4):
        (tmp_path / "mask").mkdir(exist_ok=True)
        mask = np.full((32, 32), 255, np.uint8)
        mask[:, 20:] = 0
        Image.fromarray(mask).save(tmp_path / "mask" / f"{number}.png")
    chosen = ComponentRef("folder", {**chosen.options, "masks": str(tmp_path / "mask")})
    pair = open_split(config({"data.size": "32"}, dataset=chosen), "train").source.dataset[0]
    assert pair.extras[MASK].sum() == (20 - 4) * 24


@pytest.mark.slow
def test_what_a_transparent_place_hides_changes_no_loss(tmp_path):
    settings = {"generator.depth": "2", "generator.width": "2", "discriminator.width": "2", "data.size": "32"}
    settings |= {"train.steps": "4", "train.log_every": "1", "metrics": "l1", "augment": "[]"}  # resizing mixes borders
    told = []
    for garbage in (0, 99):
        folder = tmp_path / str(garbage)
        trainer.fit(job(folder / "run", settings, dataset=written(folder / "pairs", garbage=garbage)))
        rows = map(json.loads, (folder / "run" / "metrics.jsonl").read_text().splitlines())
        told.append([{k: v for k, v in row.items() if k not in ("time", "health.waiting")} for row in rows])
    assert len(told[0]) >= 4
    assert told[0] == told[1]
