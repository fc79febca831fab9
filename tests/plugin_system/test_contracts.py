"""Methods and penalties keep their contracts; those of the other kinds are in tests/testing."""

import pytest
from example_methods import FOLDERS
from factories import job

from imtrans.testing import ContractError, check_method, check_penalty
from imtrans_pix2pix.method import VARIANTS

METRICS = {"metrics": "[]"}


def names(catalog, kind):
    return [entry.name for entry in catalog.entries(kind)]


def test_every_penalty_keeps_the_contract(catalog, monkeypatch):
    for name in names(catalog, "penalty"):  # none is built in: the sketch's stands for them
        check_penalty(name)
    for folder in FOLDERS:
        monkeypatch.syspath_prepend(folder)
    check_penalty("example-gradient-penalty")


@pytest.mark.parametrize(("order", "updates"), VARIANTS)
def test_pix2pix_keeps_the_contract(order, updates, tmp_path):
    settings = {**METRICS, "method.order": order, "method.discriminator_updates": updates}
    check_method(job(tmp_path / "run", settings).model.method, groups=["generator", "discriminator"])


def test_every_method_is_tested_here(catalog):
    # The others have tests of their own: tests/plugins/test_cut.py, test_cyclegan.py, test_registration.py,
    # test_regression.py.
    assert names(catalog, "method") == ["conditional-gan", "cut", "cyclegan", "reggan", "regression"]


GROUPS = ["generator", "discriminator"]


def nothing(method):
    method.train_step = lambda batch, update, *, step: {}


def forgetful(method):
    """Translations follow from a number that no checkpoint has."""
    method.shift, translate, train_step = 0.0, method.translate, method.train_step
    method.translate = lambda source, **more: translate(source, **more) + method.shift

    def step(batch, update, *, step):
        method.shift += 0.1
        return train_step(batch, update, step=step)

    method.train_step = step


def pickled(method):
    method.state_dict = lambda: {"function": print}


def drawn(method):
    import random

    translate = method.translate
    method.translate = lambda source, **more: translate(source, **more) * random.random()


FAULTS = {
    nothing: r"updated \[\], not \['discriminator', 'generator'\]",
    forgetful: r"a copy with the same state translates otherwise: it has state that state_dict\(\) leaves out",
    pickled: "state method.function is a builtin_function_or_method, which no checkpoint can hold",
    drawn: "translate follows from more than its seed",
}


@pytest.mark.parametrize("change", FAULTS, ids=lambda change: change.__name__)
def test_what_breaks_the_contract_of_a_method_is_named(change, tmp_path):
    method = job(tmp_path / "run", METRICS).model.method
    change(method)
    with pytest.raises(ContractError, match=FAULTS[change]):
        check_method(method, groups=GROUPS)
