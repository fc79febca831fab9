import base64
import io

import numpy as np
import pytest
from PIL import Image

from imtrans.kit.report.html_report import Chart, Series, charts_of, embedded, render
from imtrans.kit.report.plots import plots, stacked
from imtrans_observers.diagnosis import Diagnosis


def decoded(picture):
    head, text = picture.uri.split(",", 1)
    assert head in ("data:image/png;base64", "data:image/webp;base64")
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        return np.asarray(image.convert("RGB"))


def noise(*size):
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_small_pictures_are_kept_exactly():
    [made] = embedded([noise(32, 64)])
    np.testing.assert_array_equal(decoded(made), noise(32, 64))
    assert (made.width, made.height, made.tiny) == (64, 32, True)


def test_large_pictures_are_made_smaller_in_their_shape():
    [made] = embedded([noise(500, 1000)])
    assert decoded(made).shape == (192, 384, 3)
    assert not made.tiny


def test_many_pictures_share_the_room():
    made = embedded([noise(256, 256)] * 12, max_characters=60_000)
    assert sum(len(p.uri) for p in made) <= 60_000
    assert len({p.width for p in made}) == 1
    assert made[0].width > 48


def test_pictures_are_never_shrunk_out_of_sight():
    assert {p.width for p in embedded([noise(256, 256)] * 3, max_characters=100)} == {48}


def chart(*series):
    return Chart(group="losses", title="a", axis="loss", series=series, log=True)


def test_charts_with_nothing_to_show_are_left_out_and_the_others_numbered():
    full = chart(Series(name="x", points=[(1, 0.5), (2, 0.25)]))
    found = charts_of([chart(Series(name="none", points=[])), full])
    assert [c["index"] for c in found] == [0]
    assert found[0]["series"][0]["points"] == [[1, 0.5], [2, 0.25]]


def test_long_lines_are_thinned():
    [found] = charts_of([chart(Series(name="x", points=[(i, 1.0) for i in range(100_000)]))])
    assert len(found["series"][0]["points"]) == 400


def test_a_plot_has_its_line_where_the_values_are():
    """A line from (0, 0) to (10, 1) in blue: its ends lie at the corners of the box."""
    [image] = plots([chart(Series(name="x", points=[(0, 0.0), (10, 1.0)]), Series(name="y", points=[(5, 0.5)]))])
    blue = np.argwhere(np.all(np.asarray(image) == (0x25, 0x63, 0xEB), axis=-1))
    blue = blue[blue[:, 0] > 42]  # below the legend
    low, high = blue[blue[:, 1].argmin()], blue[blue[:, 1].argmax()]
    assert abs(low[1] - 64) <= 2
    assert abs(low[0] - 220) <= 2
    assert abs(high[1] - 446) <= 2


def test_plots_and_samples_stand_below_each_other():
    whole = stacked(plots([chart(Series(name="x", points=[(1, 1.0)]))] * 4), [noise(20, 90)], heads=["a", "b"])
    assert whole.size == (3 * 460, 2 * 260 + 28 + 20)
    np.testing.assert_array_equal(np.asarray(whole)[-20:, :90], noise(20, 90))


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-12, 1e12])
def test_a_constant_line_is_drawn_too(value):
    assert len(plots([chart(Series(name="x", points=[(1, value), (2, value)]))])) == 1


def test_a_verdict_shows_what_to_try(tmp_path):
    template = tmp_path / "page.j2"
    template.write_text('{% from "html_report.macros.j2" import verdict %}{{ verdict(given) }}', "utf-8")
    given = Diagnosis(name="starved by the loader", sentence="It waits.", hint="--workers 4")
    assert "To try: <code>--workers 4</code>" in render(template, {"given": given})
