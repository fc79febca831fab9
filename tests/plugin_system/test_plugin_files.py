"""Several components of one file, checked and trained together."""

import pytest

from imtrans import testing
from imtrans.plugins.catalog import Catalog
from imtrans.testing import ContractError, plugin_file

SEVERAL = """
import torch
from torch import nn
from imtrans import Component, ComponentRef, Recipe, hookimpl

class Net(nn.Module):
    def __init__(self, *, context):
        super().__init__()
        spec = context.data_spec
        self.layer = nn.Conv2d(spec.source.num_channels, spec.target.num_channels, 3, padding=1)
        {fault}

    def forward(self, x):
        return torch.tanh(self.layer(x))

class Loss:
    def __call__(self, prediction, target):
        return (prediction - target).abs().mean()

@hookimpl
def imtrans_provide():
    return [
        Component(kind="generator", name="own-net", target="several:Net", summary="", needs_context=True),
        Component(kind="loss", name="own-loss", target="several:Loss", summary=""),
        Recipe(name="own", summary="", base="pix2pix", networks={{"generator": ComponentRef("own-net")}},
               losses={{"reconstruction": ComponentRef("own-loss")}}),
    ]
"""


@pytest.mark.slow
def test_several_components_of_one_file_are_checked_and_trained_together(tmp_path, cli):
    file = tmp_path / "several.py"
    file.write_text(SEVERAL.format(fault=""))
    with plugin_file(file) as plugins:
        testing.check_generator("own-net")
        testing.check_loss("own-loss")
        assert Catalog(plugins.records).recipe("own").base == "pix2pix"
    settings = ("data.size=32", "dataset.pairs=4", "data.batch_size=2", "metrics=[]", "discriminator.width=4")
    done = cli("run", "own", "-p", "several.py", "--steps", "1", *(w for s in settings for w in ("--set", s)))
    assert done.code == 0, done.err


@pytest.mark.slow
def test_a_network_of_which_a_part_does_nothing_is_named(tmp_path):
    file = tmp_path / "several.py"
    file.write_text(SEVERAL.format(fault="self.more = nn.Linear(2, 2)"))
    with plugin_file(file), pytest.raises(ContractError, match=r"own-net: more\.weight is not used for the output"):
        testing.check_generator("own-net")


def test_a_loss_whose_gradient_is_not_that_of_its_values_is_named(tmp_path):
    file = tmp_path / "several.py"
    text = SEVERAL.format(fault="")
    file.write_text(
        text.replace("(prediction - target).abs()", "((prediction - target).abs() * prediction.detach().abs())")
    )
    with plugin_file(file), pytest.raises(ContractError, match=r"own-loss: its gradient is .*, and its values rise by"):
        testing.check_loss("own-loss")
