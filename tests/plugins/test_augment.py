import pytest
import torch

from imtrans.errors import ShapeError
from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.kit.random import draw
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
