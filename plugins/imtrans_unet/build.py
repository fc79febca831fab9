"""From options to a U-Net."""

from functools import partial
from typing import Any

from imtrans.interfaces import Context
from imtrans_unet import UNetOptions
from imtrans_unet.network import UNet


def unet(*, context: Context, **options: Any) -> UNet:
    """The network that the options describe, for the channels of the data."""
    return UNet(
        UNetOptions(**options),
        source_channels=context.data_spec.source.num_channels,
        target_channels=context.data_spec.target.num_channels,
        activation=partial(context.make, "activation"),
    )
