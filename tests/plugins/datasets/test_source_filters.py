import cv2
import numpy as np
import pytest
from factories import config, job
from PIL import Image

from imtrans.engine.data.loader import SampleIndex
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.inference.translator import Translator
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError, DataError
from imtrans.kit import images
from imtrans.kit.images.color import grey, join_lab, split_lab
from imtrans.plugins.component import ComponentRef
from imtrans_datasets import source_filters
from imtrans_datasets.photos import eight_bits

MAKERS = ["pencil", "grey", "lab", "edges", "inpaint"]


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def photos(tmp_path):
    """Ten smooth photos of several sizes and modes, in folders in folders."""
    for i in range(10):
        small = noise(4, 6, 3) // 2 + 25 * (i % 5)
        photo = cv2.resize(small, (48 + i, 40), interpolation=cv2.INTER_CUBIC)
        path = tmp_path / "photos" / f"class-{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).convert("L" if i == 3 else "RGB").save(path)
    return tmp_path / "photos"


def test_a_constant_photo_becomes_white_and_a_black_one_black():
    for value in (1, 77, 255):
        drawn = source_filters.pencil(np.full((9, 11, 3), value, np.uint8))
        assert drawn.shape == (9, 11, 3)
        assert drawn.dtype == np.uint8
        assert (drawn == 255).all()
    assert not source_filters.pencil(np.zeros((9, 11, 3), np.uint8)).any()


def test_the_pencils_blur_of_27_pixels_has_a_sigma_of_4_4():
    impulse = np.zeros((41, 41), np.float64)
    impulse[20, 20] = 1
    ours = cv2.GaussianBlur(impulse, (source_filters.KERNEL, source_filters.KERNEL), 0)
    line = np.exp(-((np.arange(27) - 13) ** 2) / (2 * 4.4**2))
    wanted = np.outer(line, line) / line.sum() ** 2
    np.testing.assert_allclose(ours[7:34, 7:34], wanted, atol=1e-9)


def test_the_pencil_is_grey_divided_by_its_blurred_negative():
    photo = noise(64, 64, 3)
    plane = np.rint(photo @ [0.299, 0.587, 0.114])
    line = np.exp(-((np.arange(27) - 13) ** 2) / (2 * 4.4**2))
    line /= line.sum()
    padded = np.pad(255 - plane, 13, mode="reflect")
    rows = np.apply_along_axis(np.convolve, 1, padded, line, mode="valid")
    blurred = np.rint(np.apply_along_axis(np.convolve, 0, rows, line, mode="valid"))
    wanted = np.clip(256 * plane / (255 - blurred), 0, 255)
    drawn = source_filters.pencil(photo)
    assert (drawn == drawn[..., :1]).all()
    # Rounding of grey and blur may differ by one; the quotient of values near 128 then moves by a few.
    assert np.abs(drawn[..., 0] - wanted).mean() < 1
    assert np.abs(drawn[..., 0] - wanted).max() <= 6


def test_the_channel_order_bug_is_an_option_and_not_the_default():
    photo = noise(32, 32, 3)
    turned = np.ascontiguousarray(photo[..., ::-1])
    assert np.array_equal(source_filters.pencil(photo, order="bgr"), source_filters.pencil(turned))
    assert not np.array_equal(source_filters.pencil(photo, order="bgr"), source_filters.pencil(photo))


def test_grey_weighs_the_channels():
    made = grey(np.full((2, 2, 3), (100, 50, 10), np.uint8))
    assert (made == round(0.299 * 100 + 0.587 * 50 + 0.114 * 10)).all()


def test_edges_are_thin_black_lines_on_white_without_specks():
    photo = np.full((64, 64, 3), 20, np.uint8)
    photo[20:44, 20:44] = 220
    made = source_filters.edges(photo)
    assert set(np.unique(made)) == {0, 255}
    ys, xs = np.nonzero(made[..., 0] == 0)
    assert 18 <= min(ys.min(), xs.min()) <= 21
    assert 42 <= max(ys.max(), xs.max()) <= 45
    assert len(ys) < 4 * 30, "one pixel wide"
    many = source_filters.edges(noise(64, 64, 3), smallest=1)
    few = source_filters.edges(noise(64, 64, 3), smallest=40)
    assert (few == 0).sum() < (many == 0).sum()
    count, _, told, _ = cv2.connectedComponentsWithStats(255 - few[..., 0], connectivity=8)
    assert all(told[i, cv2.CC_STAT_AREA] >= 40 for i in range(1, count))


def test_inpainting_blanks_a_quarter_of_the_picture_in_its_middle():
    photo = noise(8, 12, 3) // 2
    made = source_filters.inpaint(photo)
    assert (made[2:6, 3:9] == 255).all()
    made[2:6, 3:9] = photo[2:6, 3:9]
    assert np.array_equal(made, photo)


def test_lab_goes_there_and_back():
    photo = noise(32, 32, 3)
    lightness, ab = split_lab(photo)
    assert lightness.shape == (32, 32, 1)
    assert ab.shape == (32, 32, 2)
    assert 0 <= lightness.min() <= lightness.max() <= 100
    assert np.array_equal(join_lab(lightness, ab), photo)


def test_known_colours_have_their_lab_values():
    lightness, ab = split_lab(np.array([[[255, 255, 255], [255, 0, 0], [0, 0, 255]]], np.uint8))
    np.testing.assert_allclose(lightness[0, :, 0], [100, 53.24, 32.30], atol=0.01)
    np.testing.assert_allclose(ab[0], [[0, 0], [80.09, 67.20], [79.19, -107.86]], atol=0.02)


@pytest.mark.parametrize("name", MAKERS)
def test_photos_of_any_size_and_mode_become_pairs_of_the_size_that_is_asked_for(name, photos):
    chosen = config({"data.size": "32"}, dataset=ComponentRef(name, {"root": str(photos)}))
    given = open_split(chosen, "train")
    assert len(given.source.dataset) == 9
    assert "held out" in given.source.dataset.description.notes[-1]
    for index in range(9):
        pair, _ = given.pair(SampleIndex(0, index))
        assert pair.source.shape[:2] == pair.target.shape[:2] == (32, 32)
        assert pair.target.shape[2] == (2 if name == "lab" else 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_every_maker_trains_and_its_model_translates_a_photo_to_a_picture(name, photos, tmp_path):
    made = job(
        tmp_path / "run", {"metrics": '["l1"]', "train.steps": "2"}, dataset=ComponentRef(name, {"root": str(photos)})
    )
    trainer.fit(made)
    assert images.decode(tmp_path / "run" / "samples" / "step-000002.png").shape[-1] == 3
    path = sorted(photos.rglob("*.png"))[0]
    translated = Translator(made.model).translate(path, size="native")
    assert translated.shape == (*images.decode(path).shape[:2], 3)
    assert translated.dtype == np.uint8


def test_a_translated_photo_keeps_its_lightness_and_gets_new_colours(photos, tmp_path):
    made = job(
        tmp_path / "run", {"metrics": "[]", "train.steps": "1"}, dataset=ComponentRef("lab", {"root": str(photos)})
    )
    photo = np.repeat(np.linspace(60, 190, 32, dtype=np.uint8)[:, None], 32, axis=1)[..., None].repeat(3, axis=2)
    before, _ = split_lab(photo)
    after, _ = split_lab(Translator(made.model).translate(photo))
    assert np.abs(before - after).mean() < 4, "what lies outside the gamut is cut, so a little may change"


def test_a_colour_photo_is_made_grey_before_a_grey_model_sees_it(photos, tmp_path):
    made = job(
        tmp_path / "run", {"metrics": "[]", "train.steps": "1"}, dataset=ComponentRef("grey", {"root": str(photos)})
    )
    photo = noise(32, 32, 3)
    translator = Translator(made.model)
    assert np.array_equal(translator.translate(photo), translator.translate(grey(photo)))


def test_cad_sketches_need_no_photos_and_keep_every_line_when_they_shrink():
    chosen = config({"data.size": "64"}, dataset=ComponentRef("cad", {"pairs": 3}))
    given = open_split(chosen, "train")
    whole = given.source.dataset[0]
    assert whole.source.shape == whole.target.shape == (288, 432, 3)
    for index in range(3):
        pair, _ = given.pair(SampleIndex(0, index))
        assert pair.target.shape == (64, 64, 3)
        ink, kept = (255.0 - a.mean() for a in (given.source.dataset[index].target, pair.target))
        assert kept == pytest.approx(ink, rel=0.02), "as much ink as before: to the nearest pixel, lines would vanish"


def test_nearest_resize_of_the_whole_equals_that_of_the_halves():
    """Project 002: 864 x 288 to 512 x 256, then split; or split, then 256 x 256."""
    whole = noise(288, 864, 3)
    at_once = images.resize(whole, (256, 512), "nearest")
    halves = [images.resize(half, (256, 256), "nearest") for half in (whole[:, :432], whole[:, 432:])]
    assert np.array_equal(at_once, np.concatenate(halves, axis=1))


def test_test_photos_are_never_trained_on(photos):
    (photos / "class-1").rename(photos / "test")
    options = ComponentRef("grey", {"root": str(photos)})
    train, val = (open_split(config(dataset=options), split).source.dataset for split in ("train", "val"))
    folders = [{d.files(i)[0].parent.name for i in range(len(d))} for d in (train, val)]
    assert folders == [{"class-0"}, {"test"}]
    (photos / "class-0").rename(photos / "test" / "class-0")
    with pytest.raises(DataError, match="0 pictures in"):
        open_split(config(dataset=options), "train")


def test_without_photos_the_maker_asks_for_them(tmp_path):
    with pytest.raises(ConfigError, match="data set 'pencil' is made from your photos") as caught:
        open_split(config(dataset=ComponentRef("pencil")), "train")
    assert "--data-root PHOTOS" in caught.value.hint
    with pytest.raises(DataError, match="0 pictures in"):
        open_split(config(dataset=ComponentRef("grey", {"root": str(tmp_path)})), "train")


def test_other_depths_become_eight_bits():
    assert eight_bits(np.array([[[0, 257, 65535]]], np.uint16)).tolist() == [[[0, 1, 255]]]
    assert eight_bits(np.array([[[0.0, 0.5, 2.0]]], np.float32)).tolist() == [[[0, 128, 255]]]
