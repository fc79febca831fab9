"""Which of their networks a file holds."""

from imtrans_junyanz.critics import patch_mlps, patchgan
from imtrans_junyanz.layouts import Layout, Weights, kernels
from imtrans_junyanz.resnet import resnet
from imtrans_junyanz.unet import unet


def layout_of(weights: Weights) -> Layout | None:
    """The network, by its names and shapes; None for anything else."""
    names = kernels(weights)
    if {"model.model.0", "model.model.3"} <= names:
        return unet(weights)
    if any(".conv_block." in k for k in names) and "model.1" in names:
        return resnet(weights)
    if "model.0" in names and names & {"model.2", "model.3"}:
        return patchgan(weights)
    return patch_mlps(weights)
