"""Contract checks for plugin authors: each raises ContractError with what is wrong, else returns None.

    from imtrans.testing import check_generator
    def test_my_generator(): check_generator("my-generator", width=4)

A component is given by its name, as `imtrans list` shows it, with options that make it small. Within
`with plugin_file("my_plugin.py"):` the components of a plugin file are known, too.
"""

from imtrans.testing.augmentations import check_augmentation, check_discriminator_augmentation
from imtrans.testing.contract import ContractError, make, plugin_file
from imtrans.testing.conversion import check_exporter, check_format, check_importer
from imtrans.testing.datasets import check_dataset
from imtrans.testing.declarations import check_protocol, check_recipe
from imtrans.testing.generators import check_generator
from imtrans.testing.losses import check_adversarial, check_loss, check_penalty
from imtrans.testing.methods import check_method
from imtrans.testing.metrics import check_metric
from imtrans.testing.networks import check_activation, check_discriminator, check_network
from imtrans.testing.observers import check_observer
from imtrans.testing.runs import check_run

__all__ = [
    "ContractError",
    "check_activation",
    "check_adversarial",
    "check_augmentation",
    "check_dataset",
    "check_discriminator",
    "check_discriminator_augmentation",
    "check_exporter",
    "check_format",
    "check_generator",
    "check_importer",
    "check_loss",
    "check_method",
    "check_metric",
    "check_network",
    "check_observer",
    "check_penalty",
    "check_protocol",
    "check_recipe",
    "check_run",
    "make",
    "plugin_file",
]
