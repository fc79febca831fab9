"""Instance maps: which file belongs to a label map, how both are one array, and where the edges are."""

import numpy as np
import pytest
import torch
from PIL import Image

from imtrans.engine.data.loader import one_hot, prepare
from imtrans.engine.data.pair_loader import HostBatch
from imtrans.errors import DataError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.kit.images import to_display
from imtrans.kit.images.instances import instance_edges, instance_file, with_instances
from imtrans.testing import make

THINGS = [[1, 1, 2], [1, 1, 2], [3, 3, 3]]
EDGES = [[0, 1, 1], [1, 1, 1], [1, 1, 1]]
SPEC = ImageSpec(kind="labels", channels=2, classes=3, instances=True, palette=((9, 0, 0), (0, 9, 0), (0, 0, 9)))


def written(path, values, dtype=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, dtype)).save(path)
    return path


def test_edges_are_where_one_of_four_neighbours_is_another_thing():
    assert instance_edges(torch.tensor(THINGS)[None, None]).tolist() == [[EDGES]]
    # A corner alone is no edge.
    diagonal = torch.tensor([[1, 1, 1], [1, 1, 1], [1, 1, 2]])[None, None]
    assert instance_edges(diagonal).tolist() == [[[[0, 0, 0], [0, 0, 1], [0, 1, 1]]]]
    assert instance_edges(torch.full((2, 1, 4, 1), 7)).sum() == 0


def test_networks_see_the_classes_and_a_plane_of_edges():
    stored = torch.stack([torch.tensor([[0, 0, 2], [0, 0, 2], [1, 1, 1]]), torch.tensor(THINGS)])[None]
    planes = one_hot(stored, SPEC)
    assert SPEC.num_channels == planes.shape[1] == 4
    assert planes[0, 0].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert planes[0, 3].tolist() == EDGES
    assert to_display(planes[0], SPEC)[0, 2].tolist() == [0, 0, 9]  # the edge hides no class


@pytest.mark.parametrize("name", ["kornia-flip", "kornia-jitter"])
def test_edges_are_those_of_what_is_left_after_a_crop_and_of_what_is_mirrored(name):
    """Of six samples some are mirrored, or cut at other places: edges are looked up pixel by pixel in what came out."""
    random = np.random.default_rng(0)
    things = np.kron(random.integers(0, 5, (6, 4, 4, 1)), np.ones((1, 5, 5, 1), np.int64))
    stored = np.concatenate([things % 3, things], -1).astype(np.int32)
    size = (20,) if name == "kornia-flip" else (16,)
    change = make(
        "augmentation", name, size=size, data_spec=DataSpec(source=SPEC), **({"scale": 1.25} if size == (16,) else {})
    )
    photo = np.zeros((6, 20, 20, 3), np.uint8)
    batch = HostBatch(stored, photo, {}, ["x"] * 6, np.arange(1, 7) ** 40)
    planes = prepare(batch, DataSpec(source=SPEC), torch.device("cpu"), [change]).source
    assert planes.shape == (6, 4, *size * 2)
    numbers = change(prepare_numbers(stored)).source[:, 1]
    for sample, row, column in [(s, r, c) for s in range(6) for r in range(size[0]) for c in range(size[0])]:
        near = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        inside = [(r, c) for r, c in near if 0 <= r < size[0] and 0 <= c < size[0]]
        differs = any(numbers[sample, r, c] != numbers[sample, row, column] for r, c in inside)
        assert planes[sample, 3, row, column] == differs


def prepare_numbers(stored):
    from imtrans.interfaces import Batch

    moved = torch.from_numpy(stored).movedim(-1, 1).long()
    return Batch(source=moved, target=moved, keys=["x"] * 6, draws=torch.from_numpy(np.arange(1, 7) ** 40))


def test_the_map_of_cityscapes_is_found_by_its_name_and_others_by_theirs(tmp_path):
    city = tmp_path / "gtFine" / "train" / "ulm"
    labels = city / "ulm_1_gtFine_labelIds.png"
    beside = written(city / "ulm_1_gtFine_instanceIds.png", THINGS)
    assert instance_file(labels) == beside
    mine = written(tmp_path / "set" / "train" / "instance" / "1.png", THINGS)
    assert instance_file(tmp_path / "set" / "train" / "A" / "1.png") == mine
    for name in ("1", "train/1"):  # the same names in several splits: the nearer place goes first
        written(tmp_path / "maps" / f"{name}.png", THINGS)
    maps = tmp_path / "maps"
    assert instance_file(tmp_path / "other" / "train" / "1.tif", maps) == maps / "train" / "1.png"
    assert instance_file(tmp_path / "other" / "val" / "1.tif", maps) == maps / "1.png"


def test_a_label_map_without_its_instance_map_says_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"5\.png: no instance map of it in .*maps") as caught:
        instance_file(tmp_path / "A" / "5.png", tmp_path / "maps")
    assert "--instances DIR" in caught.value.hint


def test_numbers_of_16_and_of_32_bits_come_whole_and_sizes_must_agree(tmp_path):
    classes = np.zeros((3, 3, 1), np.uint8)
    file = written(tmp_path / "i.png", np.array(THINGS) * 11_000, np.uint16)  # as Cityscapes: 26_001 and the like
    assert with_instances(classes, file)[..., 1].tolist() == (np.array(THINGS) * 11_000).tolist()
    deep = written(tmp_path / "i.tif", np.array(THINGS) * 20_000, np.int32)
    joined = with_instances(classes, deep)
    assert joined.dtype == np.int32
    assert instance_edges(torch.from_numpy(joined[..., 1])[None, None]).tolist() == [[EDGES]]
    with pytest.raises(DataError, match=r"i\.png: the instance map and its label map are 3 x 3 and 4 x 3 pixels"):
        with_instances(np.zeros((3, 4, 1), np.uint8), file)
