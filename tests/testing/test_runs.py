"""Trainings in processes of their own: killed and resumed, and shared by two."""

from pathlib import Path

import pytest

from imtrans.testing import ContractError, check_dataset, check_generator, check_loss, check_run, plugin_file

FILE = Path(__file__).parent / "together.py"


def test_the_components_of_one_file_are_checked_together():
    with plugin_file(FILE):
        check_generator("mine", exports=False)
        check_loss("steady", known=[(0.5, 0.0, 0.5)])
        check_dataset("stripes")


@pytest.mark.slow
def test_a_recipe_of_a_plugin_file_is_resumed_and_shared_with_its_components():
    with plugin_file(FILE):
        check_run("steady", dataset="stripes")


@pytest.mark.slow
def test_what_a_checkpoint_does_not_hold_is_named():
    fault = r"forgetful: killed and resumed, .* differ: it has state"
    with plugin_file(FILE), pytest.raises(ContractError, match=fault):
        check_run("forgetful", dataset="stripes", shares=False)


@pytest.mark.slow
def test_a_run_that_fails_shows_what_it_said():
    with pytest.raises(ContractError, match=r"(?s)run pix2pix .* ended with 2, not 0:.*no option 'widht'"):
        check_run("pix2pix", {"generator.widht": 2})
