"""Which activation each block of a U-Net has."""

from collections.abc import Callable, Sequence
from functools import partial

from torch import nn

from imtrans import ComponentRef
from imtrans.errors import ConfigError
from imtrans_unet import UNetOptions

Activation = Callable[[], nn.Module]  # a factory for each block: an activation may have weights of its own
ActivationFactory = Callable[[ComponentRef], nn.Module]


def default_activation(ref: ComponentRef) -> nn.Module:
    """The activations of the paper, "relu" and "leaky-relu", without a catalogue. ConfigError for any other."""
    if ref.name == "relu":
        return nn.ReLU()
    if ref.name == "leaky-relu":
        return nn.LeakyReLU(ref.options.get("slope", 0.2))
    raise ConfigError(f"no activation {ref.name!r}", hint="Pass UNet(..., activation=) a function that makes it.")


def activations_of(
    options: UNetOptions, make: ActivationFactory
) -> tuple[list[Activation | None], list[Activation | None]]:
    """The activations of the encoder's blocks from the outermost inwards, and those of the decoder outwards.

    With `pre_activation` the first of the encoder is None, without it the last of the decoder: that block is the
    output layer. `bottleneck_activation` takes the place of the decoder's first or the encoder's last. ConfigError
    for a list whose length is not the number of activations.
    """
    # The activation after the bottleneck stands before a layer of the decoder, or after one of the encoder.
    is_pre = options.pre_activation
    encoder = _refs(options.encoder_activation, options.depth - is_pre, name="encoder_activation")
    decoder = _refs(options.decoder_activation, options.depth - 1 + is_pre, name="decoder_activation")
    if options.bottleneck_activation and is_pre:
        decoder[0] = options.bottleneck_activation
    elif options.bottleneck_activation:
        encoder[-1] = options.bottleneck_activation
    inner, outer = ([partial(make, ref) for ref in refs] for refs in (encoder, decoder))
    return ([None, *inner], [*outer]) if is_pre else ([*inner], [*outer, None])


def _refs(refs: Sequence[ComponentRef], count: int, *, name: str) -> list[ComponentRef]:
    if len(refs) not in (1, count):
        raise ConfigError(f"{name}: {len(refs)} activations; this depth and order have {count} (or give one for all)")
    return [*refs] if len(refs) == count else [*refs] * count
