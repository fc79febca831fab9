"""Messy folders: each is paired rightly, or refused with what it looks like. None trains on wrong pairs in silence."""

import re

import numpy as np
import pytest
from drawn_scenes import H, W, halves, pages, photo, save, sketch
from factories import config

from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.validation.preflight import refuse_doubtful
from imtrans.errors import DataError
from imtrans.plugins.component import ComponentRef

N = 12


def flat(make, name="{}.png"):
    def build(top):
        for i in range(N):
            save(top / name.format(i), make(i))

    return build


def two(one, other, *, a=sketch, b=photo):
    def build(top):
        for i in range(N):
            save(top / one.format(i), a(i))
            save(top / other.format(i), b(i))

    return build


def nested(one, other, *groups):
    def build(top):
        for group in groups:
            for i in range(6):
                seed = 100 * groups.index(group) + i
                save(top / group / one.format(i), sketch(seed))
                save(top / group / other.format(i), photo(seed))

    return build


def other(seed):
    return photo(seed + 50)


def noise(seed):
    return np.random.default_rng(seed).integers(0, 256, (H, 2 * W, 3), np.uint8)


def two_pages(top):
    for i in range(N):
        pages(top / f"{i}.tif", sketch(i), photo(i))


def table(top):
    two("x/{}.png", "y/{}.png")(top)
    rows = [f"x/{i}.png,y/{i}.png" for i in range(N)]
    (top / "pairs.csv").write_text("\n".join(["source,target", *rows]))
    return top / "pairs.csv"


def texts(top):
    top.mkdir()
    (top / "notes.txt").write_text("x")


def same_names(top):
    save(top / "a.png", halves(1))
    save(top / "a.jpg", halves(1))


def in_train_and_val(top):
    for i in range(N):
        save(top / ("val" if i > 9 else "train") / f"{i}.png", halves(i))


# How many pairs come of it, or what the first line of the error says.
ZOO = {
    "halves": (flat(halves), N),
    "halves with gaps in their names": (flat(halves, "scan {}0 (1).png"), N),
    "halves as JPEG": (flat(halves, "{}.jpg"), N),
    "halves of 16 bits": (flat(lambda i: halves(i).astype(np.uint16) * 257), N),
    "halves in train and val": (in_train_and_val, 10),
    "A and B": (two("A/{}.png", "B/{}.png"), N),
    "trainA and trainB": (two("trainA/{}.png", "trainB/{}.png"), N),
    "source and target, subfolders": (nested("source/{}.png", "target/{}.png", "."), 6),
    "ends _A and _B": (two("{}_A.png", "{}_B.png"), N),
    "ends -A and -B": (two("{}-A.png", "{}-B.jpg"), N),
    "a table": (table, N),
    "flat photos": (flat(photo), "looks like photos without partners"),
    "wide photos": (flat(lambda i: photo(i, width=2 * W)), "looks like photos without partners"),
    "photos of odd width": (flat(lambda i: photo(i, width=W + 1)), "looks like photos without partners"),
    "photos in folders of classes": (
        two("cat/{}.png", "dog/{}.png", a=photo, b=other),
        "looks like (photos without partners|unpaired pictures)",
    ),
    "shuffled halves": (flat(lambda i: halves(i, other=(i + 1) % N)), "no pairs side by side"),
    "noise": (
        flat(lambda i: np.random.default_rng(i).integers(0, 256, (H, 2 * W, 3), np.uint8)),
        "no pairs side by side",
    ),
    "three panels": (
        flat(lambda i: np.hstack([sketch(i), 255 - photo(i), photo(i)])),
        "looks like three panels",
    ),
    "one above the other": (
        flat(lambda i: np.vstack([sketch(i), photo(i)])),
        "looks like two halves one above the other",
    ),
    "two pages": (two_pages, "looks like two pages in each file"),
    "phase.PNG and fluor.TIF": (two("img_{}_phase.PNG", "img_{}_fluor.TIF"), "like names end in _phase / _fluor"),
    "in and out": (two("{}_in.png", "{}_out.png"), "looks like names end in _in / _out"),
    "channels w1 and w2": (two("A01_s{}_w1.png", "A01_s{}_w2.png"), "looks like names end in _w1 / _w2"),
    "images and masks": (two("images/{}.png", "masks/{}.png"), "looks like folders images / masks"),
    "input and gt": (two("input/{}.png", "gt/{}.png"), "looks like folders input / gt"),
    "lr and hr, of two sizes": (
        two("lr/{}.png", "hr/{}.png", a=lambda i: photo(i)[::2, ::2]),
        "looks like folders lr / hr",
    ),
    "names that say it as well": (two("images/{}_img.png", "masks/{}_mask.png"), "looks like folders images / masks"),
    "patients with he and ihc": (nested("he/{}.png", "ihc/{}.png", "p1", "p2", "p3"), "looks like folders he / ihc"),
    "plates, ends in subfolders": (
        nested("{}_bf.png", "{}_fluor.png", "plate1", "plate2"),
        "names end in _bf / _fluor",
    ),
    "unpaired": (
        two("horses/h{}.png", "zebras/z{}x.png", b=other),
        r"unpaired pictures \(12 in horses",
    ),
    "A and B without common names": (
        two("A/h{}.png", "B/z{}x.png", b=other),
        "24 pictures have no partner.*unpaired pictures",
    ),
    "A alone": (flat(photo, "A/{}.png"), "B: no such folder"),
    "texts": (texts, "0 pictures in"),
    "one name twice": (same_names, "have one name"),
}


def verdict(path):
    """How many pairs there are to train on, or the first line of the error."""
    chosen = config({"data.size": "32"}, dataset=ComponentRef("folder", {"path": str(path)}))
    try:
        loading = open_split(chosen, "train")
        refuse_doubtful(loading)
    except DataError as error:
        return error.what if error.hint else "no hint"
    val = open_split(chosen, "val").source.dataset
    pairs = [loading.source.dataset[i] for i in range(len(loading.source.dataset))]
    assert all(pair.source.shape == pair.target.shape for pair in pairs)
    return len(pairs) + (len(val) if loading.source.dataset.description.is_undivided else 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_a_messy_folder_is_paired_or_refused_with_what_it_looks_like(name, tmp_path):
    build, expected = ZOO[name]
    path = build(tmp_path / "x") or tmp_path / "x"
    told = verdict(path)
    if isinstance(expected, int):
        assert told == expected
    else:
        assert re.search(expected, str(told)), told
        assert "\n" not in told
