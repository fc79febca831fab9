"""The page of a model in a real browser: from the server, and as an exported file opened from the disk."""

import io

import numpy as np
import pytest
from pictures import png
from PIL import Image

import imtrans

pytestmark = pytest.mark.slow
PIXELS = """id => {
  const c = document.getElementById(id), copy = new OffscreenCanvas(c.width, c.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(c, 0, 0);
  const d = context.getImageData(0, 0, c.width, c.height);
  return [d.height, d.width, Array.from(d.data)];
}"""


class Page:
    """A page that is open; everything that went wrong in it is kept."""

    def __init__(self, browser, url, *, size=(1280, 900)):
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        self.tab, self.url, self.faults = self.context.new_page(), url, []
        self.tab.on("console", lambda message: self.faults.append(message.text))
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("request", self._check)
        self.tab.goto(url)
        self.tab.wait_for_selector(".ready", timeout=60_000)
        self.rest()

    def _check(self, request):
        if not request.url.startswith((self.url.rpartition("/")[0], "blob:", "data:")):
            self.faults.append(f"asked for {request.url}")

    def rest(self):
        """Wait until nothing is translated any more."""
        self.tab.wait_for_timeout(150)
        self.tab.wait_for_selector(".compare:not(.busy)", timeout=60_000)
        self.tab.wait_for_timeout(100)

    def pixels(self, name):
        height, width, data = self.tab.evaluate(PIXELS, name)
        return np.array(data, np.uint8).reshape(height, width, 4)[..., :3].copy()

    def drag(self, *places):
        """Draw with the mouse through places, which are shares of the canvas."""
        box = self.tab.locator("#drawing").bounding_box()
        for number, (x, y) in enumerate(places):
            self.tab.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if number == 0:
                self.tab.mouse.down()
        self.tab.mouse.up()
        self.rest()

    def upload(self, name, content):
        self.tab.locator("#file").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
        self.rest()


@pytest.fixture(params=["served", "exported"])
def url(request):
    if request.param == "exported":
        return request.getfixturevalue("exported")
    return request.getfixturevalue("server").url + "/"


@pytest.fixture
def page(browser, url):
    opened = Page(browser, url)
    yield opened
    opened.context.close()
    assert opened.faults == []


def test_it_begins_with_an_example_and_its_translation(page, url, trained):
    source, result = page.pixels("drawing"), page.pixels("result")
    assert source.std() > 20
    if not url.startswith("file:"):  # a file's noise of dropout is another one than torch's
        assert (imtrans.load(trained).translate(source, size="native") == result).all()
    assert page.tab.locator(".example").count() == 2
    assert "2 steps" in page.tab.inner_text(".about")


def test_drawing_with_the_mouse_gives_another_translation(page):
    source, result = page.pixels("drawing"), page.pixels("result")
    page.tab.get_by_role("radio", name="Brush").click()
    page.tab.locator(".brush").nth(2).click()
    page.drag((0.2, 0.2), (0.5, 0.6), (0.8, 0.7))
    drawn = page.pixels("drawing")
    assert (drawn != source).any()
    assert (page.pixels("result") != result).any()
    page.tab.get_by_role("radio", name="Box").click()
    page.drag((0.1, 0.1), (0.4, 0.4))
    assert len(np.unique(page.pixels("drawing")[5:10, 5:10].reshape(-1, 3), axis=0)) == 1
    for _ in range(2):
        page.tab.get_by_role("button", name="Undo").click()
    page.rest()
    assert (page.pixels("drawing") == source).all()
    assert (page.pixels("result") == result).all()


def test_the_slider_lays_the_source_over_the_translation(page):
    stage = page.tab.locator("#compare").bounding_box()
    page.tab.mouse.click(stage["x"] + stage["width"] * 0.75, stage["y"] + stage["height"] / 2)
    at = float(page.tab.evaluate("document.getElementById('compare').style.getPropertyValue('--at')").rstrip("%"))
    assert 65 < at < 85
    page.tab.locator("#slider").press("End")
    assert page.tab.evaluate("document.getElementById('compare').style.getPropertyValue('--at')") == "100%"
    assert (page.pixels("before") == page.pixels("drawing")).all()


def test_a_picture_is_uploaded_and_a_broken_one_refused(page):
    page.upload("photo.png", png(60, 30))
    assert page.pixels("drawing").shape == (32, 64, 3)
    assert page.pixels("result").shape == (32, 64, 3)
    for name, content in (("broken.png", png()[:300]), ("page.png", b"<html>"), ("empty.png", b"")):
        page.upload(name, content)
        assert page.tab.inner_text("#error") == f"{name}: is no picture that this browser reads."
    assert page.pixels("drawing").shape == (32, 64, 3)
    page.tab.get_by_role("button", name="Clear").click()
    page.rest()
    assert not page.tab.locator("#error").is_visible()


def test_it_is_used_with_the_keyboard_alone(page):
    before, names = page.pixels("drawing"), []
    for _ in range(9):
        page.tab.keyboard.press("Tab")
        names.append(page.tab.evaluate("document.activeElement.id || document.activeElement.dataset.tool"))
    assert [name for name in names if name != "paste"][:4] == ["upload", "camera", "drawing", "brush"]
    page.tab.locator("#drawing").focus()
    for key in ("2", "Space", "ArrowRight", "ArrowRight", "ArrowDown", "Space"):
        page.tab.keyboard.press(key)
    page.rest()
    drawn = page.pixels("drawing")
    assert (drawn != before).any()
    page.tab.keyboard.press("Control+z")
    page.rest()
    assert (page.pixels("drawing") == before).all()
    page.tab.keyboard.press("Control+y")
    page.rest()
    assert (page.pixels("drawing") == drawn).all()


def test_new_samples_are_drawn_and_the_translation_is_saved(page):
    first = page.pixels("result")
    page.tab.get_by_role("button", name="New sample").click()
    page.rest()
    second = page.pixels("result")
    assert (first != second).any()
    with page.tab.expect_download() as saved:
        page.tab.get_by_role("button", name="Save").click()
    picture = Image.open(saved.value.path())
    assert saved.value.suggested_filename == "small-translation.png"
    assert (np.array(picture.convert("RGB")) == second).all()


def test_on_a_phone_nothing_is_wider_than_the_screen(browser, url):
    page = Page(browser, url, size=(390, 844))
    assert page.tab.evaluate("document.documentElement.scrollWidth") == 390
    page.drag((0.2, 0.2), (0.8, 0.7))
    assert page.faults == []
    page.context.close()


def test_a_server_that_ends_is_told(browser, start):
    server = start()
    page = Page(browser, server.url + "/")
    server.process.terminate()
    server.process.wait(30)
    page.drag((0.2, 0.2), (0.8, 0.7))
    assert "does not answer" in page.tab.inner_text("#error")
    page.context.close()


def test_a_page_without_its_files_says_what_failed(browser, exported, tmp_path):
    from pathlib import Path
    from urllib.parse import urlsplit

    text = Path(urlsplit(exported).path).read_text(encoding="utf-8")
    begin = text.index('id="file-onnx">') + len('id="file-onnx">')
    (tmp_path / "cut.html").write_text(text[:begin] + "H4sIAAAAAAACAwMAAAAAAAAAAAA=" + text[text.index("<", begin) :])
    with browser.new_context() as context:
        tab = context.new_page()
        tab.goto((tmp_path / "cut.html").as_uri())
        tab.wait_for_selector("#error:not([hidden])", timeout=60_000)
        assert tab.inner_text("#error").startswith("The model cannot be started: ")
        assert tab.inner_text("#wait") == "The model does not run here."


def test_labels_are_drawn_as_classes(browser, start, tmp_path, cli):
    """The brushes are the classes of the data set, and what the server gets are their numbers."""
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        (tmp_path / "data" / split / "A").mkdir(parents=True)
        (tmp_path / "data" / split / "B").mkdir(parents=True)
        for number in range(4):
            ids = np.kron(random.integers(0, 3, (4, 4), dtype=np.uint8), np.ones((8, 8), np.uint8))
            labels = Image.fromarray(ids, "P")
            labels.putpalette([200, 0, 0, 0, 180, 0, 0, 0, 220])
            labels.save(tmp_path / "data" / split / "A" / f"{number}.png")
            Image.fromarray(np.repeat(ids[..., None] * np.uint8(100), 3, axis=2)).save(
                tmp_path / "data" / split / "B" / f"{number}.png"
            )
    settings = {"dataset.labels": "source", "dataset.classes": "3", "generator.depth": "3", "generator.width": "2"}
    settings |= {"data.size": "32", "discriminator.width": "2", "train.num_samples": "2", "metrics": "l1"}
    flags = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    done = cli("run", "pix2pix", "--dataset", str(tmp_path / "data"), "--name", "labels", "--steps", "1", *flags)
    assert done.code == 0, done.err
    server = start(run=tmp_path / "runs" / "labels")
    page = Page(browser, server.url + "/")
    names = [button.get_attribute("aria-label") for button in page.tab.locator(".brush").all()]
    assert [name.partition(" (")[0] for name in names] == ["class 0", "class 1", "class 2"]
    page.tab.locator(".brush").nth(1).click()
    page.drag((0.2, 0.2), (0.8, 0.7))
    drawn, result = page.pixels("drawing"), page.pixels("result")
    colors = [(200, 0, 0), (0, 180, 0), (0, 0, 220)]
    ids = np.stack([(drawn == color).all(axis=2) for color in colors]).argmax(axis=0).astype(np.uint8)
    wanted = imtrans.load(tmp_path / "runs" / "labels").translate(ids[..., None], size="native")
    assert (result == wanted).all()
    content = io.BytesIO()
    Image.fromarray(ids, "L").resize((64, 32), Image.Resampling.NEAREST).save(content, "png")
    page.upload("grey.png", content.getvalue())
    assert {tuple(color) for color in page.pixels("drawing").reshape(-1, 3)} <= set(colors)
    assert page.faults == []
    page.context.close()
