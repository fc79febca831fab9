import itertools

import numpy as np
import pytest
from PIL import Image

from imtrans.errors import ResourceError
from imtrans.interfaces import Sample
from imtrans.kit.report import samples
from imtrans.kit.report.image_grid import places, sheet
from imtrans.kit.report.samples import SampleGrid


def picture(seed, *size):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def shown(step=7, *, sizes=((8, 12), (8, 12), (8, 12)), target=True, count=3):
    made = [
        Sample(
            key=f"{i}",
            source=picture(i, *sizes[0]),
            prediction=picture(i + 50, *sizes[1]),
            target=picture(i + 90, *sizes[2]) if target else None,
            scores={"psnr": 20.0 + i},
        )
        for i in range(count)
    ]
    return SampleGrid(step=step, samples=made, by="psnr", higher_is_better=True)


@pytest.mark.parametrize("sizes", [((8, 12),) * 3, ((300, 460),) * 3, ((40, 30), (80, 60), (20, 90))], ids=str)
@pytest.mark.parametrize("target", [True, False], ids=["target", "none"])
def test_a_grid_is_taken_apart_into_what_it_was_made_of(tmp_path, sizes, target):
    given = shown(sizes=sizes, target=target)
    samples.save(samples.path_of(tmp_path, 7), given)
    found = samples.load(tmp_path / "samples" / "step-000007.png")
    assert (found.step, found.by, found.higher_is_better) == (7, "psnr", True)
    for a, b in zip(given.samples, found.samples, strict=True):
        assert (a.key, a.scores) == (b.key, b.scores)
        for name in ("source", "prediction", "target"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_places_are_where_the_sheet_puts_its_panels():
    rows = [[picture(1, 30, 50), picture(2, 30, 50)], [picture(3, 70, 20)]]
    whole = sheet(rows)
    for panels, where in zip(rows, places(rows), strict=True):
        for panel, (x, y, width, height, scale) in zip(panels, where, strict=True):
            np.testing.assert_array_equal(whole[y : y + height : scale, x : x + width : scale], panel)


def test_the_newest_grid_that_can_be_read_is_taken(tmp_path):
    for step in (5, 60):
        samples.save(samples.path_of(tmp_path, step), shown(step))
    (tmp_path / "samples" / "step-000070.png").write_bytes(b"no picture")
    Image.new("RGB", (9, 9)).save(tmp_path / "samples" / "step-000080.png")
    assert list(samples.grids(tmp_path)) == [5, 60, 70, 80]
    assert samples.newest(tmp_path).step == 60
    assert samples.newest(tmp_path / "nothing") is None


def test_a_grid_that_tells_lies_is_not_read(tmp_path):
    path = samples.path_of(tmp_path, 7)
    samples.save(path, shown())
    with Image.open(path) as whole:
        text = whole.info["imtrans"]
        cut = whole.crop((0, 0, 50, 50))
    from PIL import PngImagePlugin

    told = PngImagePlugin.PngInfo()
    told.add_text("imtrans", text)
    cut.save(path, pnginfo=told)
    assert samples.load(path) is None


def test_a_folder_that_cannot_be_written_is_a_resource(tmp_path):
    (tmp_path / "samples").write_text("in the way")
    with pytest.raises(ResourceError, match="cannot be written"):
        samples.save(samples.path_of(tmp_path, 7), shown())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["samples"]


def test_of_many_grids_a_hundred_stay_evenly_over_the_steps(tmp_path):
    for step in range(10, 5010, 10):
        path = samples.path_of(tmp_path, step)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        samples.thin(tmp_path)
    steps = list(samples.grids(tmp_path))
    assert (len(steps), steps[0], steps[-1]) == (100, 10, 5000)
    assert max(b - a for a, b in itertools.pairwise(steps)) <= 100  # all alike they would be 50
