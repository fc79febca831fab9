"""With what the page of a model draws: by what its sources look like."""

import io

import numpy as np
from PIL import Image

from imtrans.interfaces import ImageSpec
from imtrans.kit.model_page.brushes import kit_for

RED, GREEN, BLUE, SAND = (200, 30, 40), (20, 160, 60), (30, 60, 200), (230, 210, 160)


def as_jpeg(picture):
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "jpeg", quality=85)
    return np.array(Image.open(content))


def distance(one, other):
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def blocks(colors, *, size=512):
    """Large blocks of some colours, each used."""
    random = np.random.default_rng(0)
    places = np.concatenate([np.arange(len(colors)), random.integers(0, len(colors), 64 - len(colors))]).reshape(8, 8)
    return np.kron(np.array(colors, np.uint8)[places], np.ones((size // 8, size // 8, 1), np.uint8))


def test_the_colours_of_label_pictures_are_the_brushes_even_of_jpeg_files():
    colors = [RED, GREEN, BLUE, SAND]
    for picture in (blocks(colors), as_jpeg(blocks(colors))):
        kit = kit_for(ImageSpec(), [picture])
        assert kit.tool == "colors"
        # The commonest are the four; in the JPEG file, rarer ones of its blurred edges follow.
        found = [min(colors, key=lambda c: distance(c, brush.color)) for brush in kit.brushes[:4]]
        assert set(found) == set(colors)
        assert max(distance(*both) for both in zip(found, (b.color for b in kit.brushes[:4]), strict=True)) < 6
    assert {brush.name for brush in kit_for(ImageSpec(), [blocks(colors)]).brushes} == {"red", "green", "blue", "beige"}


def test_a_drawing_of_lines_gets_a_pencil_and_a_photo_none():
    lines = np.full((128, 128, 3), 255, np.uint8)
    lines[30:33, 10:110] = lines[60:100, 40:42] = 0
    kit = kit_for(ImageSpec(), [lines])
    assert (kit.tool, [brush.color for brush in kit.brushes], kit.paper) == ("pencil", [(0, 0, 0), (255, 255, 255)], 1)
    assert kit_for(ImageSpec(), [255 - lines]).brushes[0].color == (255, 255, 255)
    x, y = np.meshgrid(np.linspace(0, 255, 128), np.linspace(0, 255, 128))
    photo = np.stack([x, y, (x + y) / 2], axis=-1)
    photo = (photo + np.random.default_rng(0).normal(0, 12, photo.shape)).clip(0, 255).astype(np.uint8)
    assert kit_for(ImageSpec(), [photo]).tool == "photo"
    plain = np.full((128, 128, 3), 255, np.uint8)
    plain[32:96, 32:96] = photo[32:96, 32:96]
    assert kit_for(ImageSpec(), [plain]).tool == "photo"


def test_the_brushes_of_labels_are_their_classes_by_their_numbers():
    spec = ImageSpec(kind="labels", channels=1, classes=3, palette=(RED, GREEN, BLUE), values=(0, 7, 255))
    kit = kit_for(spec, [blocks([BLUE, BLUE, GREEN])])
    assert (kit.tool, kit.paper) == ("labels", 2)
    assert [(brush.value, brush.color) for brush in kit.brushes] == [(0, RED), (7, GREEN), (255, BLUE)]


def test_without_examples_a_picture_is_asked_for():
    assert kit_for(ImageSpec(), []).tool == "photo"
