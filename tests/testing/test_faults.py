"""What breaks a contract is found and named; the components are in one plugin file, as `imtrans -p` loads it."""

import sys
from pathlib import Path

import pytest

import imtrans.testing
from imtrans.errors import ConfigError
from imtrans.testing import ContractError, plugin_file

FILE = Path(__file__).parent / "faulty_plugin.py"
FAULTS = {
    ("generator", "unbounded"): r"unbounded: the output leaves \[-1, 1\]",
    ("generator", "shrinking"): r"\(2, 3, 64, 65\) became \(2, 3, 64, 64\), not \(2, 3, 64, 65\)",
    ("generator", "unused"): "unused: other.weight is not used for the output",
    ("generator", "secret"): "a network with the same state gives another output",
    ("generator", "stuck"): "stuck: 40 steps on one batch change its loss from",
    ("adversarial", "rewarding"): "rewarding: a discriminator that is right pays 1, else -1",
    ("loss", "wrong-gradient"): r"wrong-gradient: its gradient is 0\.05\d+, and its values rise by 0\.02",
    ("augmentation", "drawn"): r"drawn: source follows from more than batch\.draws",
    ("augmentation", "shared"): "shared: what becomes of a sample depends on the others of its batch",
    ("augmentation", "sides"): "sides: moves the target otherwise than the source",
    ("metric", "reversed"): "reversed: reversed of equal pictures is .* it declares that lower is better",
    ("metric", "together"): "together: a picture's row depends on its neighbours",
    ("dataset", "talkative"): r"talkative: issues and check\(\) must give Issues",
    ("dataset", "alike"): "alike, split train: two samples have the key 'the same'",
    (
        "dataset",
        "vectors",
    ): r"extra 'mood' of '0' is \(4,\): an extra is planes, \(\*spatial, C\) of the source's \(8, 8\)",
    ("dataset", "undeclared"): r"\['depth'\] is in the extras of '0' or of data_spec, not in both",
    ("dataset", "bright"): "target of '2' has 2 to 2, its data_spec 0 to 1",
    ("dataset", "moody"): "moody, split train: pair 2 differs from one reading to the next",
    ("dataset", "trained"): "trained: 3 of 3 validation samples are trained on as well",
    ("observer", "littering"): r"littering: wrote \['notes.txt'\] into the working directory, not into run.folder",
    ("observer", "drawing"): "drawing: drew from torch's generator",
    ("observer", "deaf"): "deaf: it has no hook: mark them with @hookimpl",
    ("activation", "bent"): "bent: its gradient is not that of finite differences in float64",
    ("recipe", "no-such-generator"): "recipe no-such-generator: .*no generator 'nothing'",
    ("protocol", "two-kinds"): "protocol two-kinds: there is no kind of targets that all its metrics compare",
}


# Before the fixture below, which keeps the file for the whole module.
def test_a_file_is_forgotten_after_the_block():
    with plugin_file(FILE):
        assert "faulty_plugin" in sys.modules
    assert "faulty_plugin" not in sys.modules
    with pytest.raises(ConfigError, match="no loss 'summed'"):
        imtrans.testing.check_loss("summed")


@pytest.fixture(scope="module")
def faulty():
    with plugin_file(FILE):
        yield


@pytest.mark.parametrize(("kind", "name"), FAULTS, ids=lambda text: text)
def test_a_fault_is_named(kind, name, faulty):
    options = {"exports": False} if kind == "generator" else {}
    with pytest.raises(ContractError, match=FAULTS[kind, name]):
        getattr(imtrans.testing, f"check_{kind}")(name, **options)


def test_a_known_value_that_is_not_met_is_named(faulty):
    with pytest.raises(ContractError, match=r"summed: 0\.5 for 0\.0 costs 3072, not 0\.5"):
        imtrans.testing.check_loss("summed", channels=[3], known=[(0.5, 0.0, 0.5)])


def test_an_importer_that_knows_everything_is_named(faulty):
    with pytest.raises(ContractError, match=r"polite: says that it knows weights of the names \['nonsense.weight'\]"):
        imtrans.testing.check_importer("polite", {})
