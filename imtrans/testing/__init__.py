"""Contract checks for plugin authors: each raises ContractError with what is wrong, else returns None.

    from imtrans.testing import check_generator
    def test_my_generator(): check_generator("my-generator", width=4)

A component is given by its name, as `imtrans list` shows it, with options that make it small.
"""

from imtrans.testing.contract import ContractError, make, plugin_file
from imtrans.testing.data import check_augmentation, check_dataset, check_metric
from imtrans.testing.losses import check_adversarial, check_loss, check_method, check_penalty
from imtrans.testing.networks import check_activation, check_discriminator, check_generator, check_network

__all__ = [
    "ContractError",
    "check_activation",
    "check_adversarial",
    "check_augmentation",
    "check_dataset",
    "check_discriminator",
    "check_generator",
    "check_loss",
    "check_method",
    "check_metric",
    "check_penalty",
    "check_network",
    "make",
    "plugin_file",
]
