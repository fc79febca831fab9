import zlib

import numpy as np
import pytest
import torch

from imtrans.errors import ShapeError
from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.kit.random import draw, uniform
from imtrans.testing import make


def batch(source, target=None, *, first=0):
    draws = torch.tensor([draw(0, 0, first + i) for i in range(len(source))])
    return Batch(source=source, target=source if target is None else target, keys=["x"] * len(source), draws=draws)


def test_jitter_asks_for_286_to_give_256_and_for_572_to_give_512():
    jitter = make("augmentation", "kornia-jitter", size=(256,))
    assert jitter.input_size((256,)) == (286,)
    assert jitter.input_size((512,)) == (572,)
    assert jitter.input_size((256, 512)) == (286, 572)
    assert jitter.interpolation == "bilinear"
    assert make("augmentation", "kornia-jitter", size=(64,), interpolation="nearest").interpolation == "nearest"


def test_jitter_cuts_the_same_window_from_both_at_every_offset():
    jitter = make("augmentation", "kornia-jitter", size=(4,))
    rows = torch.arange(6.0).view(1, 1, 6, 1).expand(400, 1, 6, 6)
    places = rows * 6 + torch.arange(6.0)
    made = jitter(batch(places, places.long()))
    assert made.source.shape == (400, 1, 4, 4)
    assert torch.equal(made.source.long(), made.target)
    corners = made.source[:, 0, 0, 0].long()
    assert sorted(set(corners.tolist())) == [r * 6 + c for r in range(3) for c in range(3)]
    first = int(corners[0])
    assert torch.equal(made.source[0, 0], places[0, 0, first // 6 : first // 6 + 4, first % 6 : first % 6 + 4])


def test_flip_mirrors_both_or_neither_half_of_the_time():
    x = torch.randn(1000, 1, 2, 3)
    made = make("augmentation", "kornia-flip")(batch(x, x * 2))
    is_flipped = (made.source == x.flip(-1)).flatten(1).all(1)
    assert torch.equal(made.target, made.source * 2)
    assert torch.equal(made.source[~is_flipped], x[~is_flipped])
    assert 450 <= int(is_flipped.sum()) <= 550


@pytest.mark.parametrize("name", ["kornia-jitter", "kornia-flip", "kornia-color"])
def test_draws_follow_from_the_samples_alone(name):
    """A sample is changed alike in any company: workers, ranks and resuming change nothing."""
    change = make("augmentation", name, size=(8,))
    x = torch.rand(6, 3, 9, 9) * 2 - 1
    torch.manual_seed(1)
    whole = change(batch(x))
    torch.manual_seed(2)
    parts = [change(batch(x[i : i + 2], first=i)) for i in (0, 2, 4)]
    torch.testing.assert_close(whole.source, torch.cat([p.source for p in parts]))


def test_color_changes_the_source_only():
    x = torch.rand(4, 3, 8, 8) * 2 - 1
    made = make("augmentation", "kornia-color")(batch(x))
    assert torch.equal(made.target, x)
    assert not torch.allclose(made.source, x, atol=0.01)
    assert made.source.abs().max() <= 1


def test_labels_survive_jitter_and_flip_as_whole_numbers():
    labels = torch.randint(0, 5, (8, 1, 9, 9))
    for name in ("kornia-jitter", "kornia-flip"):
        made = make("augmentation", name, size=(8,))(batch(labels))
        assert made.source.dtype == torch.int64
        assert made.source.unique().tolist() == [0, 1, 2, 3, 4]


def test_a_crop_larger_than_the_picture_is_refused():
    with pytest.raises(ShapeError, match=r"cannot crop 16 x 16 from \(9, 9\)"):
        make("augmentation", "kornia-jitter", size=(16,))(batch(torch.zeros(1, 3, 9, 9)))


def test_color_refuses_a_grey_source():
    with pytest.raises(ShapeError, match="must be RGB pictures"):
        make("augmentation", "kornia-color", data_spec=DataSpec(source=ImageSpec(channels=1)))


@pytest.mark.parametrize("name", ["kornia-jitter", "kornia-flip"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_batch_of_one_gets_a_copy_with_the_bits_and_the_layout_that_it_has_among_others(name, dtype):
    change = make("augmentation", name, size=(4,))
    x = (torch.randn(40, 6, 6, 3) * 50).to(dtype).movedim(-1, 1)  # channels last, as they are stored
    for size in (6, 4):  # at 4 the window is the picture
        among = change(batch(x[..., :size, :size]))
        for i in range(len(x)):
            given = x[i : i + 1, :, :size, :size]
            alone = change(batch(given, first=i))
            assert torch.equal(alone.source[0], among.source[i])
            is_kept = alone.source is given  # a flip that does not happen copies nothing
            assert is_kept or (alone.source.is_contiguous() and alone.source.data_ptr() != given.data_ptr())


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9])
def test_numbers_are_those_of_numpys_philox_with_draw_and_stream_as_its_key(count):
    draws = [draw(seed, epoch, 7) for seed in range(20) for epoch in range(5)] + [0, 1, 2**63 - 1]
    key = zlib.crc32(b"some use")
    expected = [np.random.Generator(np.random.Philox(key=[n, key])).random(count).tolist() for n in draws]
    made = uniform(torch.tensor(draws), count, stream="some use")
    assert (made.shape, made.dtype) == ((len(draws), count), torch.float64)
    assert made.tolist() == expected
    assert uniform(draws, count, stream="some use").tolist() == expected
