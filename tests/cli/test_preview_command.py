"""imtrans data preview: one sheet of what the network will see."""

import numpy as np

from imtrans.kit.images import decode


def test_pairs_are_shown_resized_and_side_by_side(cli, pairs, tmp_path):
    pairs(4, size=32)
    plain = ["--set", "augment=[]", "--set", "data.size=32", "--count", "1"]
    done = cli("data", "preview", "pairs", *plain)
    assert done.code == 0, done.err
    assert done.out.strip() == "preview.png: source left, target right, as AtoB"
    sheet = decode(tmp_path / "preview.png")
    scale, gap = 4, 4
    panel = 32 * scale + 2 * gap
    assert sheet.shape == (panel, 2 * panel, 3)
    source = sheet[gap:-gap:scale, gap : panel - gap : scale]
    target = sheet[gap:-gap:scale, panel + gap : -gap : scale]
    originals = [decode(p) for p in sorted((tmp_path / "pairs" / "train").iterdir())]
    assert any(np.array_equal(np.concatenate([source, target], axis=1), o) for o in originals)


def test_the_augmentation_of_the_recipe_is_shown(cli, pairs, tmp_path):
    pairs(4, size=32)
    small = ["--set", "data.size=32", "--count", "4"]
    assert cli("data", "preview", "pairs", *small, "-o", "a.png").code == 0
    assert cli("data", "preview", "pairs", *small, "-o", "b.png", "--set", "augment=[]").code == 0
    assert cli("data", "preview", "pairs", *small, "-o", "c.png").code == 0
    one, without, again = (decode(tmp_path / f"{n}.png") for n in "abc")
    assert not np.array_equal(one, without)
    assert np.array_equal(one, again)


def test_a_picture_is_not_overwritten_unasked(cli, pairs, tmp_path):
    pairs(4)
    small = ["--set", "data.size=32", "--count", "1"]
    assert cli("data", "preview", "pairs", *small).code == 0
    done = cli("data", "preview", "pairs", *small)
    assert (done.code, "preview.png exists" in done.err) == (2, True)
    assert cli("data", "preview", "pairs", *small, "--overwrite").code == 0


def test_lab_pairs_are_shown_as_pictures(cli, pairs, tmp_path):
    pairs(4)
    (tmp_path / "pairs").rename(tmp_path / "photos")
    assert cli("data", "preview", "lab", "--data-root", "photos", "--set", "data.size=32", "--count", "2").code == 0
    sheet = decode(tmp_path / "preview.png")
    assert np.ptp(sheet.astype(int), axis=-1).max() > 20, "the right side has colours"
