"""Files of weights: what is read, and what is refused by name."""

import pytest
import torch

from imtrans.errors import CheckpointError
from imtrans.kit import weight_file


def test_only_tensors_by_name_are_read(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "good.pth")
    assert weight_file.read(tmp_path / "good.pth")["a"].tolist() == [1, 1]
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="it holds other things than tensors by name"):
        weight_file.read(tmp_path / "other.pth")


@pytest.mark.parametrize("kept", [0, 1, 30, 400, 900])
def test_what_is_left_of_a_file_that_broke_off_is_refused(kept, tmp_path):
    torch.save({"a": torch.ones(20)}, tmp_path / "whole.pth")
    (tmp_path / "rest.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"rest\.pth: not the weights that are wanted: it "):
        weight_file.read(tmp_path / "rest.pth")


def test_fill_names_what_is_missing_or_of_another_shape(tmp_path):
    network, path = torch.nn.Linear(2, 1), tmp_path / "x.pth"
    with pytest.raises(CheckpointError, match="not the weights that are wanted: without bias"):
        weight_file.fill(network, {"weight": torch.ones(1, 2)}, path=path)
    with pytest.raises(CheckpointError, match=r"weight is \(2,\), not \(1, 2\)"):
        weight_file.fill(network, {"weight": torch.ones(2), "bias": torch.ones(1)}, path=path)
    weight_file.fill(network, {"weight": torch.ones(1, 2), "bias": torch.ones(1), "more": torch.ones(1)}, path=path)
    assert not network.training
    assert network(torch.ones(1, 2)).item() == 3
    assert not network.weight.requires_grad


def test_floating_numbers_are_float32_and_whole_ones_stay(tmp_path):
    torch.save({"state_dict": {"a": torch.ones(2).half(), "n": torch.tensor(3)}}, tmp_path / "a.pth")
    tensors = weight_file.read(tmp_path / "a.pth")
    assert [tensors[k].dtype for k in "an"] == [torch.float32, torch.int64]
    with pytest.raises(CheckpointError, match=r"no\.pth: not the weights that are wanted: it cannot be read: No such"):
        weight_file.read(tmp_path / "no.pth")


def test_weights_that_are_not_finite_or_unknown_are_refused(tmp_path):
    network, path = torch.nn.Linear(1, 1), tmp_path / "x.pth"
    good = {"weight": torch.ones(1, 1), "bias": torch.ones(1)}
    with pytest.raises(CheckpointError, match="bias holds numbers that are not finite"):
        weight_file.fill(network, {**good, "bias": torch.tensor([torch.nan])}, path=path)
    with pytest.raises(CheckpointError, match="with more\nThe network needs bias, weight"):
        weight_file.fill(network, {**good, "more": torch.ones(1)}, path=path, may_hold_more=False)
