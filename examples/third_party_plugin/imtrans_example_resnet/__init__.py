"""What the plugin offers. Declaring imports neither torch nor the network."""

from dataclasses import dataclass

from imtrans import Component, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class ResnetOptions:
    width: int = option(32, "channels of every layer", low=1)
    blocks: int = option(4, "residual blocks", low=1)


@hookimpl
def imtrans_provide():
    yield Component(
        kind="generator",
        name="example-resnet",
        target="imtrans_example_resnet.network:build",
        summary="a few residual blocks at full size",
        options=ResnetOptions,
        needs_context=True,
    )
