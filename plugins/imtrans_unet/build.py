"""From options to a U-Net."""

from collections.abc import Sequence
from functools import partial

from imtrans.errors import ConfigError
from imtrans.interfaces import Context
from imtrans.plugins.component import ComponentRef
from imtrans_unet import UNetOptions
from imtrans_unet.network import Activation, UNet


def unet(options: UNetOptions, context: Context) -> UNet:
    """The network that the options describe, for the channels of the data."""
    encoder, decoder = activation_counts(options)
    blocks = [b for b in options.dropout_blocks if b >= options.depth]
    if blocks and options.dropout and options.dropout_blocks != UNetOptions().dropout_blocks:
        raise ConfigError(f"dropout_blocks: no block {blocks[0]}; the decoder has {options.depth - 1} inner blocks")
    if options.dropout_place == "activation" and options.pre_activation:
        raise ConfigError(
            "dropout_place activation: with pre_activation no activation follows the norm; use pre_activation=false"
        )
    return UNet(
        context.data_spec.source.num_channels,
        context.data_spec.target.num_channels,
        depth=options.depth,
        width=options.width,
        encoder_activations=_makers(options.encoder_activation, encoder, context, name="encoder_activation"),
        decoder_activations=_makers(options.decoder_activation, decoder, context, name="decoder_activation"),
        bottleneck_activation=_maker(options.bottleneck_activation, context),
        norm=options.norm,
        norm_eps=options.norm_eps,
        norm_momentum=options.norm_momentum,
        decoder_norm=options.decoder_norm,
        bottleneck_norm=options.bottleneck_norm,
        dropout=options.dropout,
        dropout_blocks=options.dropout_blocks,
        dropout_kind=options.dropout_kind,
        dropout_place=options.dropout_place,
        pre_activation=options.pre_activation,
        padding=options.padding,
        bias=options.bias,
        upsampling=options.upsampling,
        skips=options.skips,
        init_std=options.init_std,
        init_norm_std=options.init_norm_std,
    )


def activation_counts(options: UNetOptions) -> tuple[int, int]:
    """How many activations encoder and decoder have: before a layer there is one at the bottleneck's way out."""
    return (options.depth - 1, options.depth) if options.pre_activation else (options.depth, options.depth - 1)


def _maker(use: ComponentRef | None, context: Context) -> Activation | None:
    return partial(context.make, "activation", use) if use else None


def _makers(uses: Sequence[ComponentRef], count: int, context: Context, *, name: str) -> list[Activation]:
    if len(uses) not in (1, count):
        raise ConfigError(f"{name}: {len(uses)} activations; this depth and order have {count} (or give one for all)")
    chosen = uses if len(uses) == count else [*uses] * count
    return [partial(context.make, "activation", use) for use in chosen]
